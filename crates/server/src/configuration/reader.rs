//! Reads files, the environment and flags, in the order in which they count.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::assembly::{Assembly, Next};
use super::listener::Endpoint;
use super::origin::Origin;
use super::persona::Persona;
use super::table::options;
use super::text::lines;

/// Where a configuration is read from. Flags count more than the environment, the environment more
/// than the file, and the file more than the defaults.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// Whose defaults hold.
    pub persona: Persona,
    /// The file.
    pub file: Option<PathBuf>,
    /// The variables of the environment, by their names. Those that are no option are ignored.
    pub environment: Vec<(String, String)>,
    /// The flags, by the names of their options, in their order.
    pub flags: Vec<(String, String)>,
    /// Where to listen, whatever the file says of it; empty: as the file says.
    pub endpoints: Vec<Endpoint>,
    /// The ports of this machine alone at which to listen if nobody says where; empty: 1883.
    pub local_ports: Vec<u16>,
}

/// Files, wherever they are.
pub(super) trait Files {
    /// The content of a file.
    fn content(&self, file: &Path) -> io::Result<Vec<u8>>;

    /// The names in a directory.
    fn names(&self, directory: &Path) -> io::Result<Vec<String>>;
}

/// The files of this machine.
pub(super) struct FileSystem;

/// No files at all.
pub(super) struct NoFiles;

/// Everything that the sources say.
pub(super) fn assemble(sources: &Sources, files: &dyn Files) -> Assembly {
    let mut assembly = Assembly::new(sources.persona);
    if let Some(file) = &sources.file {
        read_file(&mut assembly, files, file, 0);
    }
    for option in options() {
        let Some(variable) = option.variable() else { continue };
        let given = sources.environment.iter().find(|(name, _)| *name == variable);
        if let Some((_, value)) = given {
            let origin = Origin::Environment(Box::from(variable));
            assembly.line(option.name(), value, &origin);
        }
    }
    if sources.persona == Persona::Mosquitto || sources.file.is_some() {
        let given = sources.environment.iter().find(|(name, _)| name == PERSISTENCE_LOCATION);
        if let Some((name, value)) = given {
            let origin = Origin::Environment(Box::from(name.as_str()));
            assembly.line("persistence_location", value, &origin);
        }
    }
    for (name, value) in &sources.flags {
        let origin = Origin::Flag(Box::from(name.replace('_', "-")));
        assembly.line(name, value, &origin);
    }
    assembly.finish(&sources.endpoints, &sources.local_ports);
    assembly
}

/// Everything that these bytes say, as if they were a file.
pub(super) fn assemble_bytes(persona: Persona, bytes: &[u8], files: &dyn Files) -> Assembly {
    let mut assembly = Assembly::new(persona);
    read_lines(&mut assembly, files, &Arc::from(Path::new("configuration")), bytes, 0);
    assembly.finish(&[], &[]);
    assembly
}

fn read_file(assembly: &mut Assembly, files: &dyn Files, file: &Path, depth: usize) -> Next {
    let path: Arc<Path> = Arc::from(file);
    let whole = Origin::File { file: Arc::clone(&path), line: 0 };
    match files.content(file) {
        Ok(bytes) if bytes.len() > MAXIMUM_FILE_BYTES => {
            let words =
                format!("it has more than {MAXIMUM_FILE_BYTES} bytes; is it the right file?");
            assembly.mistake(&whole, words);
            Next::Continue
        }
        Ok(bytes) => read_lines(assembly, files, &path, &bytes, depth),
        Err(error) => {
            assembly.mistake(&whole, format!("it cannot be read: {error}"));
            Next::Continue
        }
    }
}

fn read_lines(
    assembly: &mut Assembly,
    files: &dyn Files,
    file: &Arc<Path>,
    bytes: &[u8],
    depth: usize,
) -> Next {
    assembly.within_file(|assembly| {
        for line in lines(bytes) {
            let origin = Origin::File { file: Arc::clone(file), line: line.number };
            let Some(words) = line.words else {
                assembly.mistake(&origin, "the line is not UTF-8; write it anew");
                continue;
            };
            let next = match assembly.line(words.name, words.rest, &origin) {
                Next::Include(directory) => include(assembly, files, &directory, &origin, depth),
                next => next,
            };
            if next == Next::Stop {
                let words = "there are more mistakes; what follows was not looked at";
                assembly.mistake(&origin, words);
                return Next::Stop;
            }
        }
        Next::Continue
    })
}

/// Reads the files of a directory.
fn include(
    assembly: &mut Assembly,
    files: &dyn Files,
    directory: &str,
    origin: &Origin,
    depth: usize,
) -> Next {
    if depth > 0 {
        let words = "include_dir: it can be in the first file only; put the line there";
        assembly.mistake(origin, words);
        return Next::Continue;
    }
    let directory = Path::new(directory);
    let mut names = match files.names(directory) {
        Ok(names) => names,
        Err(error) => {
            let words = format!("include_dir: {} cannot be read: {error}", directory.display());
            assembly.mistake(origin, words);
            return Next::Continue;
        }
    };
    names.retain(|name| name.len() > ENDING.len() && name.ends_with(ENDING));
    if names.len() > MAXIMUM_FILES {
        let words = format!("include_dir: there are more than {MAXIMUM_FILES} files in it");
        assembly.mistake(origin, words);
        return Next::Continue;
    }
    names.sort_by_cached_key(|name| alphabetical(name));
    for name in names {
        if read_file(assembly, files, &directory.join(name), depth + 1) == Next::Stop {
            return Next::Stop;
        }
    }
    Next::Continue
}

/// The order of the alphabet, in which a capital is before the same small letter.
fn alphabetical(name: &str) -> Vec<(char, bool)> {
    name.chars().map(|letter| (letter.to_ascii_lowercase(), letter.is_ascii_lowercase())).collect()
}

impl Files for FileSystem {
    fn content(&self, file: &Path) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let most = u64::try_from(MAXIMUM_FILE_BYTES).unwrap_or(u64::MAX);
        fs::File::open(file)?.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn names(&self, directory: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(directory)?.take(MAXIMUM_NAMES) {
            // A name that is no text does not end as ours do.
            names.extend(entry?.file_name().into_string());
        }
        Ok(names)
    }
}

impl Files for NoFiles {
    fn content(&self, _file: &Path) -> io::Result<Vec<u8>> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn names(&self, _directory: &Path) -> io::Result<Vec<String>> {
        Err(io::ErrorKind::NotFound.into())
    }
}

const ENDING: &str = ".conf";
const PERSISTENCE_LOCATION: &str = "MOSQUITTO_PERSISTENCE_LOCATION";
/// Bytes of one file.
const MAXIMUM_FILE_BYTES: usize = 16 * 1024 * 1024;
/// Files of one directory.
const MAXIMUM_FILES: usize = 1024;
/// Names of a directory that are looked at.
const MAXIMUM_NAMES: usize = 65_536;
