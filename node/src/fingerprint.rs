//! Fingerprints for people to compare: 16 digits to look at, eight words to read aloud.
//!
//! The words are the PGP word list (Juola and Zimmermann, 1995), chosen to be told apart over a bad line: one of
//! two syllables for each even byte and one of three for each odd one, so that a word left out, said twice or
//! swapped with its neighbour is heard. It must never show more than it has: 64 bits keep mistakes and chance
//! away; whoever compares against an attacker with time compares the whole digest.

use std::fmt;

use updraft_protocol::{Digest, KeyId};

/// The first eight bytes of a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 8]);

impl Fingerprint {
    /// Of a root, a bundle, whatever has a digest.
    pub fn of(digest: &Digest) -> Self {
        let (first, _) = digest.as_bytes().split_first_chunk().expect("a digest has 32 bytes");
        Self(*first)
    }

    /// Of a key.
    pub fn of_key(key: KeyId) -> Self {
        let digest = key.to_hex().parse().expect("a key's id is the digest of its public half");
        Self::of(&digest)
    }

    /// The digits, in groups of four: `4f1c 90aa 7be2 03d5`.
    pub fn digits(&self) -> String {
        let groups = self.0.chunks(2).map(|pair| format!("{:02x}{:02x}", pair[0], pair[1]));
        groups.collect::<Vec<_>>().join(" ")
    }

    /// The words, one for each byte.
    pub fn words(&self) -> String {
        words(&self.0)
    }
}

/// `4f1c 90aa 7be2 03d5   (dropper Brazilian …)`.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}   ({})", self.digits(), self.words())
    }
}

/// A word for each byte, in turns from the two lists.
fn words(bytes: &[u8]) -> String {
    let lists = [EVEN, ODD];
    let mut said = Vec::with_capacity(bytes.len());
    for (byte, list) in bytes.iter().zip(lists.iter().cycle()) {
        let word = list.split_ascii_whitespace().nth(usize::from(*byte));
        said.push(word.expect("each list has a word for each byte"));
    }
    said.join(" ")
}

/// Bytes at even places: two syllables.
const EVEN: &str = "\
aardvark absurd accrue acme adrift adult afflict ahead aimless Algol allow alone ammo ancient apple artist
assume Athens atlas Aztec baboon backfield backward banjo beaming bedlamp beehive beeswax befriend Belfast berserk
billiard bison blackjack blockade blowtorch bluebird bombast bookshelf brackish breadline breakup brickyard
briefcase Burbank button buzzard cement chairlift chatter checkup chisel choking chopper Christmas clamshell
classic classroom cleanup clockwork cobra commence concert cowbell crackdown cranky crowfoot crucial crumpled
crusade cubic dashboard deadbolt deckhand dogsled dragnet drainage dreadful drifter dropper drumbeat drunken Dupont
dwelling eating edict egghead eightball endorse endow enlist erase escape exceed eyeglass eyetooth facial fallout
flagpole flatfoot flytrap fracture framework freedom frighten gazelle Geiger glitter glucose goggles goldfish
gremlin guidance hamlet highchair hockey indoors indulge inverse involve island jawbone keyboard kickoff kiwi
klaxon locale lockup merit minnow miser Mohawk mural music necklace Neptune newborn nightbird Oakland obtuse
offload optic orca payday peachy pheasant physique playhouse Pluto preclude prefer preshrunk printer prowler pupil
puppy python quadrant quiver quota ragtime ratchet rebirth reform regain reindeer rematch repay retouch revenge
reward rhythm ribcage ringbolt robust rocker ruffled sailboat sawdust scallion scenic scorecard Scotland seabird
select sentence shadow shamrock showgirl skullcap skydive slingshot slowdown snapline snapshot snowcap snowslide
solo southward soybean spaniel spearhead spellbind spheroid spigot spindle spyglass stagehand stagnate stairway
standard stapler steamship sterling stockman stopwatch stormy sugar surmount suspense sweatband swelter tactics
talon tapeworm tempest tiger tissue tonic topmost tracker transit trauma treadmill Trojan trouble tumor tunnel
tycoon uncut unearth unwind uproot upset upshot vapor village virus Vulcan waffle wallet watchword wayside willow
woodlark Zulu";

/// Bytes at odd places: three syllables.
const ODD: &str = "\
adroitness adviser aftermath aggregate alkali almighty amulet amusement antenna applicant Apollo armistice article
asteroid Atlantic atmosphere autopsy Babylon backwater barbecue belowground bifocals bodyguard bookseller
borderline bottomless Bradbury bravado Brazilian breakaway Burlington businessman butterfat Camelot candidate
cannonball Capricorn caravan caretaker celebrate cellulose certify chambermaid Cherokee Chicago clergyman coherence
combustion commando company component concurrent confidence conformist congregate consensus consulting corporate
corrosion councilman crossover crucifix cumbersome customer Dakota decadence December decimal designing detector
detergent determine dictator dinosaur direction disable disbelief disruptive distortion document embezzle
enchanting enrollment enterprise equation equipment escapade Eskimo everyday examine existence exodus fascinate
filament finicky forever fortitude frequency gadgetry Galveston getaway glossary gossamer graduate gravity
guitarist hamburger Hamilton handiwork hazardous headwaters hemisphere hesitate hideaway holiness hurricane
hydraulic impartial impetus inception indigo inertia infancy inferno informant insincere insurgent integrate
intention inventive Istanbul Jamaica Jupiter leprosy letterhead liberty maritime matchmaker maverick Medusa megaton
microscope microwave midsummer millionaire miracle misnomer molasses molecule Montana monument mosquito narrative
nebula newsletter Norwegian October Ohio onlooker opulent Orlando outfielder Pacific pandemic Pandora paperweight
paragon paragraph paramount passenger pedigree Pegasus penetrate perceptive performance pharmacy phonetic
photograph pioneer pocketful politeness positive potato processor provincial proximate puberty publisher pyramid
quantity racketeer rebellion recipe recover repellent replica reproduce resistor responsive retraction retrieval
retrospect revenue revival revolver sandalwood sardonic Saturday savagery scavenger sensation sociable souvenir
specialist speculate stethoscope stupendous supportive surrender suspicious sympathy tambourine telephone therapist
tobacco tolerance tomorrow torpedo tradition travesty trombonist truncated typewriter ultimate undaunted underfoot
unicorn unify universe unravel upcoming vacancy vagabond vertigo Virginia visitor vocalist voyager warranty
Waterloo whimsical Wichita Wilmington Wyoming yesteryear Yucatan";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use updraft_protocol::SecretKey;

    use super::*;

    #[test]
    fn the_words_are_those_that_other_programs_say() {
        // Two fingerprints that the descriptions of the list give as examples.
        for (hex, said) in [
            (
                "E58294F2E9A227486E8B061B31CC528FD7FA3F19",
                "topmost Istanbul Pluto vagabond treadmill Pacific brackish dictator goldfish Medusa \
                 afflict bravado chatter revolver Dupont midsummer stopwatch whimsical cowbell bottomless",
            ),
            (
                "D1D464C004F00FB5C9A4C8D8E433E7FB7FF56256",
                "stairway souvenir flytrap recipe adrift upcoming artist positive spearhead Pandora \
                 spaniel stupendous tonic concurrent transit Wichita lockup visitor flagpole escapade",
            ),
        ] {
            let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("two digits");
            let bytes: Vec<_> = (0..hex.len()).step_by(2).map(byte).collect();
            assert_eq!(words(&bytes), said);
        }
    }

    #[test]
    fn every_byte_has_a_word_of_its_own_at_either_place() {
        let all: Vec<_> =
            [EVEN, ODD].iter().flat_map(|list| list.split_ascii_whitespace()).collect();
        assert_eq!(all.len(), 512);
        assert_eq!(
            all.iter().collect::<BTreeSet<_>>().len(),
            512,
            "a word is in both lists or twice"
        );
        for list in [EVEN, ODD] {
            assert_eq!(list.split_ascii_whitespace().count(), 256);
        }
    }

    #[test]
    fn swapped_bytes_are_heard() {
        let (said, swapped) = (words(&[1, 2]), words(&[2, 1]));
        let said: BTreeSet<_> = said.split(' ').collect();
        assert!(swapped.split(' ').all(|word| !said.contains(word)), "{swapped}");
    }

    #[test]
    fn digits_and_words_are_of_the_same_bytes_and_a_key_goes_by_its_id() {
        let mut bytes = [0xff; 32];
        bytes[..8].copy_from_slice(&[0x4f, 0x1c, 0x90, 0xaa, 0x7b, 0xe2, 0x03, 0xd5]);
        let fingerprint = Fingerprint::of(&Digest::from_bytes(bytes));
        assert_eq!(
            fingerprint.to_string(),
            "4f1c 90aa 7be2 03d5   (dropper Brazilian peachy pedigree kickoff tomorrow acme specialist)"
        );
        let key = SecretKey::from_seed(&[7; 32]).public().id();
        assert_eq!(Fingerprint::of_key(key).digits(), key.to_string());
    }
}
