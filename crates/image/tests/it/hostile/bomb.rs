//! Streams that become far larger than they came, in bytes or in memory.

use std::io::Cursor;

use image::ErrorKind;

use super::named;
use crate::{
    archive::{gzip, root},
    scene::{Scene, nobody},
};

/// A frame of zstd that asks for a window of 2^`log` bytes and holds one block of zeros.
fn zstd_with_window(log: u8) -> Vec<u8> {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, (log - 10) << 3];
    // The last block, run-length encoded: 512 times the byte 0.
    frame.extend_from_slice(&[0x03 | ((512 << 3) & 0xff) as u8, (512 >> 5) as u8, 0x00, 0x00]);
    frame
}

#[tokio::test]
async fn windows_that_would_take_all_memory_are_refused() {
    let scene = Scene::new().await;
    for log in [28, 31] {
        let import = scene.images.import(Cursor::new(zstd_with_window(log)), named("w"), nobody());
        let error = import.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "2^{log}: {error}");
    }
    scene.eventually_empty().await;
}

#[tokio::test]
async fn compression_within_compression_is_no_layer() {
    let scene = Scene::new().await;
    let zstd = zstd::encode_all(&root()[..], 1).unwrap();
    for nested in [gzip(&gzip(&root())), gzip(&zstd), zstd::encode_all(&gzip(&root())[..], 1).unwrap()] {
        let error = scene.images.import(Cursor::new(nested), named("n"), nobody()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    }
    scene.eventually_empty().await;
}

#[tokio::test]
async fn what_follows_a_stream_is_part_of_it_or_an_error() {
    let scene = Scene::new().await;
    let whole = gzip(&root());
    for broken in [[&whole[..], b"trailing garbage"].concat(), whole[..whole.len() - 1].to_vec()] {
        let error = scene.images.import(Cursor::new(broken), named("t"), nobody()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    }
    // Several members are one stream, empty ones too.
    let members = [gzip(b""), gzip(&root()[..512]), gzip(b""), gzip(&root()[512..])].concat();
    scene.images.import(Cursor::new(members), named("m"), nobody()).await.unwrap();
}
