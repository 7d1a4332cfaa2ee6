//! TOML as serde's derives read it, with the place in the text of everything that goes wrong. Pure.
//!
//! The derives of the scenario's types are the only list of keys there is; what they complain of comes out as a
//! [`Wrong`] with the place of the key or value, and the keys or words that would have been right. Two shapes for
//! which serde has no word are known by name:
//!
//! - an enum that is a table: the variant is the text at the key that has the enum's name (`do`, `that`), its fields are
//!   the other keys;
//! - a tuple struct that is a table: first the value at the key that has the struct's name (`at`), then the other keys.

use std::{fmt, ops::Range};

use serde::{
    de::{
        self, Deserialize, DeserializeSeed, EnumAccess, Expected, IntoDeserializer, MapAccess,
        SeqAccess, Unexpected, VariantAccess, Visitor,
    },
    forward_to_deserialize_any,
};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// What goes wrong, and where.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// Bytes of the text, as near as it is known.
    pub(super) place: Option<Range<usize>>,
    /// Keys, and numbers in lists from 1 on, from the inside to the outside.
    pub(super) path: Vec<String>,
    /// What.
    pub(super) what: What,
}

/// What can go wrong.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum What {
    /// There is no such key.
    UnknownKey { key: String, allowed: &'static [&'static str] },
    /// A key has to be there.
    MissingKey { key: &'static str },
    /// A word is none of those that are understood.
    UnknownWord { word: String, allowed: &'static [&'static str] },
    /// A value is of another kind, or makes no sense.
    Value { message: String },
}

impl Wrong {
    fn new(what: What) -> Self {
        Self { place: None, path: Vec::new(), what }
    }

    fn within(mut self, step: impl Into<String>) -> Self {
        self.path.push(step.into());
        self
    }

    fn near(mut self, place: Range<usize>) -> Self {
        self.place.get_or_insert(place);
        self
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::UnknownKey { key, .. } => write!(f, "unknown key `{key}`"),
            What::MissingKey { key } => write!(f, "missing key `{key}`"),
            What::UnknownWord { word, .. } => write!(f, "unknown word `{word}`"),
            What::Value { message } => f.write_str(message),
        }
    }
}

impl std::error::Error for Wrong {}

impl de::Error for Wrong {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(What::Value { message: message.to_string() })
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let got = match unexpected {
            Unexpected::Map => "a table".to_owned(),
            Unexpected::Seq => "a list".to_owned(),
            Unexpected::Str(text) => format!("the text \"{text}\""),
            Unexpected::Bool(flag) => format!("`{flag}`"),
            Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_) => {
                format!("the number {}", Bare(unexpected))
            }
            other => other.to_string(),
        };
        Self::custom(format!("{got} stands where there should be {}", plain(expected)))
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(format!("{} is not {}", Bare(unexpected), plain(expected)))
    }

    fn unknown_field(key: &str, allowed: &'static [&'static str]) -> Self {
        Self::new(What::UnknownKey { key: key.to_owned(), allowed })
    }

    fn unknown_variant(word: &str, allowed: &'static [&'static str]) -> Self {
        Self::new(What::UnknownWord { word: word.to_owned(), allowed })
    }

    fn missing_field(key: &'static str) -> Self {
        Self::new(What::MissingKey { key })
    }
}

/// What was expected, without the names of Rust.
fn plain(expected: &dyn Expected) -> String {
    match expected.to_string().as_str() {
        "u8" => "a whole number from 0 to 255".to_owned(),
        "u16" => "a whole number from 0 to 65535".to_owned(),
        "u32" | "u64" => "a whole number from 0 on".to_owned(),
        "f64" => "a number".to_owned(),
        "a string" => "text in quotes".to_owned(),
        "a boolean" => "`true` or `false`".to_owned(),
        "a map" => "a table".to_owned(),
        "a sequence" => "a list".to_owned(),
        other => other.to_owned(),
    }
}

/// A number without serde's words around it.
struct Bare<'a>(Unexpected<'a>);

impl fmt::Display for Bare<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Unexpected::Unsigned(number) => write!(f, "{number}"),
            Unexpected::Signed(number) => write!(f, "{number}"),
            Unexpected::Float(number) => write!(f, "{number}"),
            other => write!(f, "{other}"),
        }
    }
}

/// Reads `text` as a `T`.
pub(super) fn from_toml<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, Wrong> {
    let table = DeTable::parse(text).map_err(|error| {
        let what = What::Value { message: error.message().replace('\n', ", ") };
        Wrong { place: error.span(), path: Vec::new(), what }
    })?;
    let rows = Rows::of(table.get_ref());
    T::deserialize(Place { value: Seen::Table(rows), span: 0..0 })
}

/// A value that is read, and where it stands.
#[derive(Clone)]
struct Place<'t, 'i> {
    value: Seen<'t, 'i>,
    span: Range<usize>,
}

#[derive(Clone)]
enum Seen<'t, 'i> {
    Value(&'t DeValue<'i>),
    Table(Rows<'t, 'i>),
}

/// The rows of a table that are left to read.
#[derive(Clone)]
struct Rows<'t, 'i>(Vec<(&'t str, Range<usize>, &'t Spanned<DeValue<'i>>)>);

impl<'t, 'i> Rows<'t, 'i> {
    fn of(table: &'t DeTable<'i>) -> Self {
        Self(table.iter().map(|(key, value)| (key.get_ref().as_ref(), key.span(), value)).collect())
    }

    fn take(&mut self, key: &'static str) -> Result<Place<'t, 'i>, Wrong> {
        let found = self.0.iter().position(|(name, ..)| *name == key);
        let found = found.ok_or_else(|| Wrong::new(What::MissingKey { key }))?;
        Ok(Place::of(self.0.remove(found).2))
    }
}

impl<'t, 'i> Place<'t, 'i> {
    fn of(value: &'t Spanned<DeValue<'i>>) -> Self {
        Self { value: Seen::Value(value.get_ref()), span: value.span() }
    }

    /// The rows, if it is a table.
    fn rows(&self) -> Option<Rows<'t, 'i>> {
        match &self.value {
            Seen::Table(rows) => Some(rows.clone()),
            Seen::Value(DeValue::Table(table)) => Some(Rows::of(table)),
            Seen::Value(_) => None,
        }
    }

    fn visit<'de, V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, Wrong> {
        if let Some(rows) = self.rows() {
            return visitor.visit_map(Table { rows: rows.0.into_iter(), next: None });
        }
        let Seen::Value(value) = &self.value else {
            return Err(Wrong::new(What::Value { message: "an empty table".to_owned() }));
        };
        match value {
            DeValue::String(text) => visitor.visit_str(text),
            DeValue::Boolean(flag) => visitor.visit_bool(*flag),
            DeValue::Integer(number) => {
                let (digits, radix) = (number.as_str(), number.radix());
                let small = i64::from_str_radix(digits, radix).map(|n| (n, u64::try_from(n)));
                match (small, u64::from_str_radix(digits, radix)) {
                    (Ok((_, Ok(whole))), _) | (Err(_), Ok(whole)) => visitor.visit_u64(whole),
                    (Ok((negative, Err(_))), _) => visitor.visit_i64(negative),
                    (Err(_), Err(_)) => Err(de::Error::custom(format!("{digits} is too large"))),
                }
            }
            DeValue::Float(number) => {
                let number: Result<f64, _> = number.as_str().parse();
                visitor.visit_f64(number.map_err(de::Error::custom)?)
            }
            DeValue::Array(items) => visitor.visit_seq(List { items: items.iter(), taken: 0 }),
            DeValue::Datetime(moment) => {
                Err(de::Error::custom(format!("a date stands here: `{moment}`")))
            }
            DeValue::Table(_) => Err(de::Error::custom("a table")),
        }
    }
}

impl<'de> de::Deserializer<'de> for Place<'_, '_> {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.visit(visitor).map_err(|wrong| wrong.near(self.span))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        let span = self.span.clone();
        let Some(mut rows) = self.rows() else {
            return Err(Wrong::new(What::MissingKey { key: name }).near(span));
        };
        let first = rows.take(name).map_err(|wrong| wrong.near(span.clone()))?;
        let rest = Place { value: Seen::Table(rows), span: span.clone() };
        visitor
            .visit_seq(KeyThenRest { key: name, first: Some(first), rest: Some(rest) })
            .map_err(|wrong| wrong.near(span))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        let span = self.span.clone();
        let read = |this: Self| match (this.rows(), &this.value) {
            (Some(mut rows), _) => {
                let word = rows.take(name)?;
                let rest = Place { value: Seen::Table(rows), span: this.span.clone() };
                visitor.visit_enum(Tagged { tag: name, word, rest })
            }
            (None, Seen::Value(DeValue::String(word))) => {
                let word: de::value::StrDeserializer<'_, Wrong> = word.as_ref().into_deserializer();
                visitor.visit_enum(word)
            }
            _ => this.visit(visitor),
        };
        read(self).map_err(|wrong| wrong.near(span))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf unit unit_struct
        seq tuple map struct identifier ignored_any
    }
}

struct Table<'t, 'i> {
    rows: std::vec::IntoIter<(&'t str, Range<usize>, &'t Spanned<DeValue<'i>>)>,
    next: Option<(&'t str, &'t Spanned<DeValue<'i>>)>,
}

impl<'de> MapAccess<'de> for Table<'_, '_> {
    type Error = Wrong;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Wrong> {
        let Some((key, span, value)) = self.rows.next() else { return Ok(None) };
        self.next = Some((key, value));
        let key: de::value::StrDeserializer<'_, Wrong> = key.into_deserializer();
        seed.deserialize(key).map(Some).map_err(|wrong| wrong.near(span))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Wrong> {
        let Some((key, value)) = self.next.take() else {
            return Err(de::Error::custom("a value without its key"));
        };
        seed.deserialize(Place::of(value)).map_err(|wrong| wrong.near(value.span()).within(key))
    }
}

struct List<'t, 'i> {
    items: std::slice::Iter<'t, Spanned<DeValue<'i>>>,
    taken: usize,
}

impl<'de> SeqAccess<'de> for List<'_, '_> {
    type Error = Wrong;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Wrong> {
        let Some(item) = self.items.next() else { return Ok(None) };
        self.taken += 1;
        let number = self.taken.to_string();
        let element = seed.deserialize(Place::of(item));
        element.map(Some).map_err(|wrong| wrong.near(item.span()).within(number))
    }
}

struct KeyThenRest<'t, 'i> {
    key: &'static str,
    first: Option<Place<'t, 'i>>,
    rest: Option<Place<'t, 'i>>,
}

impl<'de> SeqAccess<'de> for KeyThenRest<'_, '_> {
    type Error = Wrong;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Wrong> {
        if let Some(first) = self.first.take() {
            let (key, span) = (self.key, first.span.clone());
            let element = seed.deserialize(first);
            return element.map(Some).map_err(|wrong| wrong.near(span).within(key));
        }
        self.rest.take().map(|rest| seed.deserialize(rest)).transpose()
    }
}

struct Tagged<'t, 'i> {
    tag: &'static str,
    word: Place<'t, 'i>,
    rest: Place<'t, 'i>,
}

impl<'de, 't, 'i> EnumAccess<'de> for Tagged<'t, 'i> {
    type Error = Wrong;
    type Variant = Place<'t, 'i>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Self::Variant), Wrong> {
        let variant = seed.deserialize(self.word).map_err(|wrong| wrong.within(self.tag))?;
        Ok((variant, self.rest))
    }
}

impl<'de> VariantAccess<'de> for Place<'_, '_> {
    type Error = Wrong;

    /// A variant without keys of its own takes none.
    fn unit_variant(self) -> Result<(), Wrong> {
        match self.rows().and_then(|rows| rows.0.into_iter().next()) {
            Some((key, span, _)) => Err(<Wrong as de::Error>::unknown_field(key, &[]).near(span)),
            None => Ok(()),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Wrong> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value, Wrong> {
        de::Deserializer::deserialize_any(self, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        de::Deserializer::deserialize_any(self, visitor)
    }
}
