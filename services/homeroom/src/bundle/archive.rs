//! A bundle as one file: `.tar.gz`, readable by its owner alone.

use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use tar::{Builder, Header};

use super::File;

/// The folder in it.
const FOLDER: &str = "homeroom-support";

/// Writes the files into one that is not there yet.
pub(crate) fn write(path: &Path, files: &[File], at: Timestamp) -> io::Result<()> {
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    pack(file, files, at)?.sync_all()
}

/// Writes the files as one to whoever takes it.
pub(crate) fn pack<W: Write>(out: W, files: &[File], at: Timestamp) -> io::Result<W> {
    let mut archive = Builder::new(GzEncoder::new(out, Compression::default()));
    for File { name, text } in files {
        let mut header = Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(u64::try_from(at.as_second()).unwrap_or(0));
        archive.append_data(&mut header, format!("{FOLDER}/{name}"), text.as_bytes())?;
    }
    let mut out = archive.into_inner()?.finish()?;
    out.flush()?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::*;

    #[test]
    fn what_is_packed_is_unpacked_and_nothing_is_overwritten() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("bundle.tar.gz");
        let files = [File { name: "doctor.txt".to_owned(), text: "all is well\n".to_owned() }];
        write(&path, &files, Timestamp::UNIX_EPOCH).expect("written");
        let mut archive = tar::Archive::new(GzDecoder::new(std::fs::File::open(&path).expect("there")));
        let mut entry = archive.entries().expect("an archive").next().expect("one").expect("whole");
        assert_eq!(entry.path().expect("a path").to_string_lossy(), "homeroom-support/doctor.txt");
        let mut text = String::new();
        entry.read_to_string(&mut text).expect("text");
        assert_eq!(text, "all is well\n");
        assert!(write(&path, &files, Timestamp::UNIX_EPOCH).is_err(), "it is there already");
    }
}
