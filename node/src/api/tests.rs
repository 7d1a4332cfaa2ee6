//! The API from outside: real connections to a real server, whose agent is a fake that answers orders.
