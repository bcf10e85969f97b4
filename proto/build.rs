//! Compiles the protobuf packages without protoc.

use std::error::Error;

use prost::Message as _;

const FILES: [&str; 11] = [
    "homeroom/event/v1/event.proto",
    "homeroom/reference/v1/reference.proto",
    "homeroom/directory/v1/directory.proto",
    "homeroom/alert/v1/alert.proto",
    "homeroom/ingest/v1/dead_letter.proto",
    "homeroom/ingest/v1/ingest.proto",
    "homeroom/risk/v1/risk.proto",
    "homeroom/risk/v1/explain.proto",
    "homeroom/rule/v1/rule.proto",
    "homeroom/risk/v1/replay.proto",
    "homeroom/notification/v1/notification.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=homeroom");
    let descriptors = protox::compile(FILES, ["."])?;
    let out = std::path::PathBuf::from(std::env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    std::fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure().bytes(".").include_file("packages.rs").compile_fds(descriptors)?;
    Ok(())
}
