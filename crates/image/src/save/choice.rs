//! Which images, under which names, a request to save means. Pure.

use crate::{
    Error, Result,
    digest::Digest,
    reference::Reference,
    store::{Catalog, Entry},
};

/// An image to be saved.
#[derive(Clone, Debug)]
pub(super) struct Chosen {
    pub(super) id: Digest,
    pub(super) entry: Entry,
    /// Sorted, each with a tag and without a digest.
    pub(super) names: Vec<Reference>,
}

/// The images behind `texts`, in the order in which they are named first.
pub(super) fn choose(catalog: &Catalog, texts: &[String], wanted: Option<&str>) -> Result<Vec<Chosen>> {
    let mut chosen: Vec<Chosen> = Vec::new();
    for text in texts {
        for (id, name) in behind(catalog, text)? {
            let at = match chosen.iter().position(|image| image.id == id) {
                Some(at) => at,
                None => {
                    let entry =
                        catalog.images.get(&id).ok_or_else(|| Error::NoSuchImage(text.clone()))?.clone();
                    if let Some(wanted) = wanted {
                        entry.image.expect_platform(text, wanted)?;
                    }
                    chosen.push(Chosen { id, entry, names: Vec::new() });
                    chosen.len() - 1
                }
            };
            chosen[at].names.extend(name);
        }
    }
    for image in &mut chosen {
        image.names.sort();
        image.names.dedup();
    }
    Ok(chosen)
}

/// A name with a tag means that tag; without one all tags of the repository; an id, its beginning or a digest mean no name.
fn behind(catalog: &Catalog, text: &str) -> Result<Vec<(Digest, Option<Reference>)>> {
    // An id would pass for a repository `sha256` with a tag.
    let name =
        Reference::parse(text).ok().filter(|name| name.digest.is_none() && text.parse::<Digest>().is_err());
    if let Some(name) = name {
        if name.tag.is_some() {
            let id = catalog.names.get(&name.to_string()).copied();
            return id
                .map(|id| vec![(id, Some(name.clone()))])
                .ok_or_else(|| Error::NoSuchImage(name.familiar()));
        }
        let all: Vec<_> = tags(catalog, &name).collect();
        if !all.is_empty() {
            return Ok(all);
        }
    }
    Ok(vec![(catalog.resolve(text)?, None)])
}

fn tags<'a>(
    catalog: &'a Catalog,
    repository: &Reference,
) -> impl Iterator<Item = (Digest, Option<Reference>)> + 'a {
    let prefix = format!("{}:", repository.repository());
    catalog.names.iter().filter_map(move |(long, id)| {
        let name = long.starts_with(&prefix).then(|| Reference::parse(long).ok())??;
        name.digest.is_none().then_some((*id, Some(name)))
    })
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, sync::Arc};

    use super::*;
    use crate::{
        config::ImageFile,
        store::{Change, ImageRecord},
    };

    fn catalog(names: &[(&str, u8)]) -> Catalog {
        let mut catalog = Catalog::default();
        for (name, number) in names {
            let id = Digest::of(&[*number]);
            let record = ImageRecord {
                manifest: id,
                manifest_type: String::new(),
                manifest_size: 0,
                blobs: Vec::new(),
                layers: Vec::new(),
                parent: None,
                tagged_at_ns: 0,
                used_at_ns: 0,
            };
            let (os, architecture) = ("linux".to_owned(), "arm64".to_owned());
            let file = ImageFile { os, architecture, ..ImageFile::default() };
            let changes = [Change::PutImage(id, record), Change::PutName((*name).to_owned(), id)];
            catalog.apply(&changes, &HashMap::from([(id, Arc::new(file))]));
        }
        catalog
    }

    fn chosen(catalog: &Catalog, texts: &[&str]) -> Vec<(Digest, Vec<String>)> {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        let chosen = choose(catalog, &texts, None).unwrap();
        chosen.into_iter().map(|c| (c.id, c.names.iter().map(Reference::familiar).collect())).collect()
    }

    #[test]
    fn tags_repositories_and_ids() {
        let catalog = catalog(&[
            ("docker.io/library/a:1", 1),
            ("docker.io/library/a:2", 2),
            ("docker.io/library/ab:1", 3),
            ("localhost:5000/a:1", 1),
        ]);
        let (one, two) = (Digest::of(&[1]), Digest::of(&[2]));
        assert_eq!(chosen(&catalog, &["a:1"]), [(one, vec!["a:1".to_owned()])]);
        assert_eq!(
            chosen(&catalog, &["a", "localhost:5000/a:1", "a:1"]),
            [(one, vec!["a:1".to_owned(), "localhost:5000/a:1".to_owned()]), (two, vec!["a:2".to_owned()])]
        );
        assert_eq!(chosen(&catalog, &[&two.hex()[..12]]), [(two, Vec::new())]);
        assert_eq!(chosen(&catalog, &[&two.to_string(), "a:2"]), [(two, vec!["a:2".to_owned()])]);
        for missing in ["b", "a:3", "ab:2", "sha256:00", "A:1"] {
            assert!(choose(&catalog, &[missing.to_owned()], None).is_err(), "{missing}");
        }
    }

    #[test]
    fn an_image_for_another_platform_is_not_provided() {
        let catalog = catalog(&[("docker.io/library/a:1", 1)]);
        let ask = |platform: &str| choose(&catalog, &["a:1".to_owned()], Some(platform));
        assert!(ask("linux/arm64").is_ok());
        let words =
            "image with reference a:1 was found but does not provide the specified platform (linux/amd64)";
        assert_eq!(ask("linux/amd64").unwrap_err().to_string(), words);
    }
}
