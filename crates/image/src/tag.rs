//! `docker tag`: a further name for an image.

use crate::{Error, Images, Result, clock, import, reference::Reference, store::Change};

impl Images {
    /// Gives an image a further name; a name that belongs to another image moves.
    pub async fn tag(&self, source: &str, target: &str) -> Result<()> {
        let name = Reference::parse(target).and_then(import::taggable)?;
        let source = source.to_owned();
        self.store
            .change(move |state| {
                let catalog = state.published.load_full();
                let id = catalog.resolve(&source)?;
                let entry = catalog.images.get(&id).ok_or(Error::NoSuchImage(source))?;
                let mut record = entry.record.clone();
                record.tagged_at_ns = clock::now_ns();
                state.alter(vec![Change::PutImage(id, record), Change::PutName(name.to_string(), id)])
            })
            .await
    }
}
