//! Hostile input through the public face of core: bodies that are none, servers that mean harm (SEC-06…09, SEC-18).

mod bodies;
mod server;
mod world;
