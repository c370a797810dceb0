//! The types of request fields that are known and not used: [`Unread`], not honoured yet, and [`Ignored`], which the API itself
//! ignores in requests.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, IgnoredAny, Visitor};

/// The name under which [`Ignored`] asks a deserializer for its value.
pub(crate) const IGNORED: &str = "$ignored";

/// When an [`Unread`] field says nothing, and so may stand in a request.
pub trait Quiet: Copy + Default {
    /// The name under which the field asks a deserializer for its value; the request decoder and [`crate::shape`] know it.
    const NAME: &'static str;
}

/// Quiet at null, false, zero, an empty string or list, and an object of which every member is quiet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Zero;
/// Quiet at minus one too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MinusOne;
/// For a map whose keys are the user's: quiet only without any key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NoKey;
/// For an object whose mere presence means something: quiet only at null.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Absent;

impl Quiet for Zero {
    const NAME: &'static str = "$unread:zero";
}
impl Quiet for MinusOne {
    const NAME: &'static str = "$unread:minus-one";
}
impl Quiet for NoKey {
    const NAME: &'static str = "$unread:no-key";
}
impl Quiet for Absent {
    const NAME: &'static str = "$unread:absent";
}

/// Whether a name is that of an [`Unread`].
pub(crate) fn is_unread(name: &str) -> bool {
    name.starts_with("$unread:")
}

/// A field of the API that is known and not honoured. The request decoder refuses it by name unless it is quiet. It is never
/// written; any other deserializer (a client reading an answer) skips it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unread<Q: Quiet = Zero>(PhantomData<Q>);

/// A field that stands in the API's request only because requests and answers share a type: what it holds never matters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ignored;

struct Skip;

impl<'de> Visitor<'de> for Skip {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }
    fn visit_newtype_struct<D: Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        IgnoredAny::deserialize(d).map(|_| ())
    }
}

impl<'de, Q: Quiet> Deserialize<'de> for Unread<Q> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer
            .deserialize_newtype_struct(Q::NAME, Skip)
            .map(|()| Self(PhantomData))
    }
}

impl<'de> Deserialize<'de> for Ignored {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer
            .deserialize_newtype_struct(IGNORED, Skip)
            .map(|()| Self)
    }
}
