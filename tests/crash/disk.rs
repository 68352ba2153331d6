//! A file system of its own for the relay's state: one that can be full, and one whose power can be cut.

use std::fs::File;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;
use zegel_tests::process::run;
use zegel_tests::wait::until;

/// XFS takes no less than 300 MiB. Nothing of it is written until it is used.
const OCTETS: u64 = 512 * 1024 * 1024;

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Ext4,
    Xfs,
    /// In memory, with so many octets and files.
    Small {
        octets: u64,
        files: u64,
    },
}

#[derive(Debug)]
pub(crate) struct Disk {
    kind: Kind,
    directory: TempDir,
}

impl Disk {
    pub(crate) fn new(kind: Kind) -> Self {
        let directory = tempfile::Builder::new()
            .prefix("zegel-disk-")
            .tempdir()
            .expect("make a temporary directory");
        let disk = Self { kind, directory };
        std::fs::create_dir(disk.mount_point()).expect("make a mount point");
        let image = disk.image();
        match kind {
            Kind::Ext4 => {
                make_image(&image);
                run("mkfs.ext4", &["-q", &*image.to_string_lossy()]);
            }
            Kind::Xfs => {
                make_image(&image);
                run("mkfs.xfs", &["-q", &*image.to_string_lossy()]);
            }
            Kind::Small { .. } => {}
        }
        disk.mount();
        disk
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.mount_point().join("state")
    }

    pub(crate) fn mount_point(&self) -> PathBuf {
        self.directory.path().join("mounted")
    }

    /// What is not on the medium by now never comes there. Whoever still writes gets an error.
    pub(crate) fn cut_power(&self) {
        // The same ioctl for both: EXT4_IOC_SHUTDOWN is XFS_IOC_GOINGDOWN, without flushing the journal.
        run("xfs_io", &["-x", "-c", "shutdown", &*self.mount_point().to_string_lossy()]);
    }

    /// Comes up again, once nobody has anything open there.
    pub(crate) async fn restore_power(&self) {
        until("the file system to be free", || self.unmount(&[]).then_some(())).await;
        // Another mount namespace (`ip netns exec` makes one) keeps a dead file system alive, and mounting would only find
        // that one again.
        let image = self.image();
        let holders = || run("losetup", &["--associated", &*image.to_string_lossy()]);
        until("the dead file system to be gone", || holders().is_empty().then_some(())).await;
        self.mount();
    }

    fn image(&self) -> PathBuf {
        self.directory.path().join("image")
    }

    fn mount(&self) {
        let (image, place) = (self.image(), self.mount_point());
        let (image, place) = (&*image.to_string_lossy(), &*place.to_string_lossy());
        match self.kind {
            Kind::Ext4 | Kind::Xfs => run("mount", &["-o", "loop", image, place]),
            Kind::Small { octets, files } => {
                let limits = format!("size={octets},nr_inodes={files}");
                run("mount", &["-t", "tmpfs", "-o", &limits, "tmpfs", place])
            }
        };
    }

    fn unmount(&self, options: &[&str]) -> bool {
        let done = Command::new("umount").args(options).arg(self.mount_point()).output();
        done.expect("run umount").status.success()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.unmount(&["--lazy"]);
    }
}

fn make_image(path: &std::path::Path) {
    File::create(path).and_then(|image| image.set_len(OCTETS)).expect("make an image");
}
