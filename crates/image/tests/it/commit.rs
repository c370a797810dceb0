//! Commit: an image and one more layer become an image.

use std::{
    fs,
    io::{self, Cursor, Write},
};

use image::{
    CommitOptions, ErrorKind, ImportOptions,
    archive::{Entry, Kind, TarWriter},
};

use crate::{
    archive::root,
    scene::{Scene, nobody},
};

fn file(path: &str, size: u64) -> (Entry, u64) {
    let path = path.as_bytes().to_vec();
    (Entry { path, kind: Kind::File, mode: 0o644, uid: 0, gid: 0, mtime: (1, 0), xattrs: Vec::new() }, size)
}

fn layer(output: &mut dyn Write) -> io::Result<()> {
    let mut tar = TarWriter::new(output);
    for (entry, size) in [file("new", 5), file("bin/.wh.hello", 0)] {
        tar.entry(&entry, size)?;
        tar.data(&b"layer"[..size as usize])?;
    }
    tar.finish().map(drop)
}

async fn scene() -> (Scene, CommitOptions) {
    let scene = Scene::new().await;
    let named = ImportOptions { reference: Some("base".to_owned()), ..ImportOptions::default() };
    let base = scene.images.import(Cursor::new(root()), named, nobody()).await.unwrap();
    let options = CommitOptions {
        parent: base.id.clone(),
        config: base.config.clone(),
        changes: vec!["ENV A=1".to_owned()],
        reference: Some("made:1".to_owned()),
        author: "me".to_owned(),
        message: "words".to_owned(),
        created_by: "sh".to_owned(),
    };
    (scene, options)
}

#[tokio::test]
async fn the_layer_is_on_top_of_those_beneath() {
    let (scene, options) = scene().await;
    let made = scene.images.commit(options.clone(), layer).await.unwrap();
    assert_eq!((made.diff_ids.len(), made.parent.as_str()), (2, options.parent.as_str()));
    assert_eq!((made.repo_tags.as_slice(), made.author.as_str()), (&["made:1".to_owned()][..], "me"));
    assert_eq!(made.config.env, ["A=1"]);
    assert_eq!(made.history.len(), 2);
    let scene = scene.reopen().await;
    let top = scene.top_layer("made:1").await;
    assert_eq!(fs::read(top.join("new")).unwrap(), b"layer");
    let hidden = fs::symlink_metadata(top.join("bin/hello")).unwrap();
    assert!(std::os::unix::fs::FileTypeExt::is_char_device(&hidden.file_type()));
    // What is beneath stays as long as something is on top of it.
    scene.images.prepare("c1", &made.id).await.unwrap();
    scene.eventually_only("tmp", 0).await;
}

#[tokio::test]
async fn a_failed_commit_leaves_nothing() {
    let (scene, options) = scene().await;
    let wrong = CommitOptions { changes: vec!["RUN x".to_owned()], ..options.clone() };
    assert_eq!(wrong.check().unwrap_err().kind(), ErrorKind::Invalid);
    assert!(scene.images.commit(wrong, layer).await.is_err());
    let broken = |output: &mut dyn Write| {
        layer(output)?;
        Err(io::Error::other("the disk is gone"))
    };
    assert!(scene.images.commit(options.clone(), broken).await.is_err());
    let gone = CommitOptions { parent: "sha256:00".to_owned(), ..options };
    assert_eq!(scene.images.commit(gone, layer).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(scene.images.list().await.unwrap().len(), 1);
    scene.eventually_only("layers", 1).await;
    scene.eventually_only("tmp", 0).await;
}
