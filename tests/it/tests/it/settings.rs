//! Every setting: its proof, its effect, where it comes from, and what is said when it is wrong.

mod database;
mod effects;
mod every_key;
mod keys;
mod origins;
mod wrong;
