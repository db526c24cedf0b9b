//! `docker compose up`, as far as it can be tried where no image can be pulled: the file itself, and each program that
//! it starts, with the same flags and files.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, unreachable_pub, reason = "tests")]

mod container;
mod demo;
mod dockerfile;
mod file;
mod image;
mod inside;
mod programs;
mod services;
