//! What users install: Debian packages and a tarball, made of a program that was built before.
//!
//! Manual pages, completions, versions and the names of links are what that program says of itself.
//! Nothing is needed but what every Debian with a compiler has: `dpkg-deb`, `strip`, `gzip`, `tar`.

mod debian;
mod product;
mod stage;
mod tarball;
mod test;
mod units;

use std::path::{Path, PathBuf};

use crate::command::{House, succeed};

/// Makes the Debian packages of the program at a path, or of the release build, and looks at the
/// units in them.
pub(crate) fn debian(root: &Path, binary: Option<String>) -> Result<(), String> {
    let house = House::new(root);
    for package in debian::build(&house, &binary_or_release(&house, binary))? {
        println!("{}", package.display());
    }
    units::check(&house)
}

/// Builds the program without any library of the system, and packs it.
pub(crate) fn tarball(root: &Path) -> Result<(), String> {
    println!("{}", tarball::build(&House::new(root))?.display());
    Ok(())
}

/// Installs the Debian packages in a small Debian of their own, uses them and removes them.
pub(crate) fn test(root: &Path, binary: Option<String>) -> Result<(), String> {
    let house = House::new(root);
    let binary = binary_or_release(&house, binary);
    test::run(&house, &debian::build(&house, &binary)?)
}

/// Writes the manual pages, to be looked at.
pub(crate) fn manual(root: &Path) -> Result<(), String> {
    let house = House::new(root);
    let pages = house.target.join("manual");
    let program = ["run", "--locked", "--quiet", "--package", "ferrymq", "--", "manual"];
    succeed(house.cargo(&program).arg(&pages))?;
    println!("{}", pages.display());
    Ok(())
}

fn binary_or_release(house: &House, binary: Option<String>) -> PathBuf {
    binary.map_or_else(|| house.target.join("release/ferrymq"), PathBuf::from)
}
