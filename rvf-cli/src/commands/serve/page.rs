//! The page: the files of `pwa-loader/prebuilt`, which the program carries.

use super::shared::etag;

/// Name and content.
const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/page.rs"));
const INDEX: &str = "index.html";

#[derive(Debug)]
pub(crate) struct PageFile {
    name: &'static str,
    pub(crate) bytes: &'static [u8],
    pub(crate) mime: &'static str,
    pub(crate) etag: String,
}

pub(crate) fn all() -> Vec<PageFile> {
    FILES
        .iter()
        .map(|&(name, bytes)| PageFile {
            name,
            bytes,
            mime: mime(name),
            etag: etag(bytes),
        })
        .collect()
}

impl PageFile {
    /// Whether this is what stands at a path, given without its first slash.
    pub(crate) fn is_at(&self, path: &[u8]) -> bool {
        let name = if path.is_empty() {
            INDEX.as_bytes()
        } else {
            path
        };
        self.name.as_bytes() == name
    }
}

fn mime(name: &str) -> &'static str {
    let end = name.rsplit_once('.').map_or("", |(_, end)| end);
    match end {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "wasm" => "application/wasm",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_page_has_a_type() {
        let files = all();
        assert!(files.iter().any(|file| file.is_at(b"")));
        for file in files {
            assert_ne!(file.mime, "application/octet-stream", "{}", file.name);
        }
    }
}
