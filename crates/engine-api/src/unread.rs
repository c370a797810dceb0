//! The types of request fields that are known and not used: [`Unread`], not honoured yet, and [`Ignored`], which the API itself
//! ignores in requests.

use std::any::TypeId;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, IgnoredAny, IntoDeserializer, Visitor};
use serde::{Serialize, Serializer};

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

/// A field of the API that is known and not honoured in requests. The request decoder refuses it by name unless it is quiet;
/// any other deserializer (a client reading an answer) reads its `T`, so that answers can carry it. `()` is never written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unread<T = (), Q: Quiet = Zero>(T, PhantomData<Q>);

/// A field that stands in the API's request only because requests and answers share a type: what it holds never matters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ignored;

impl<T, Q: Quiet> From<T> for Unread<T, Q> {
    fn from(told: T) -> Self {
        Self(told, PhantomData)
    }
}

impl<T, Q: Quiet> std::ops::Deref for Unread<T, Q> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Serialize, Q: Quiet> Serialize for Unread<T, Q> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// Reads a `T`, and anything at all as `()`.
struct Inner<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de> + 'static> Visitor<'de> for Inner<T> {
    type Value = T;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }
    fn visit_newtype_struct<D: Deserializer<'de>>(self, d: D) -> Result<T, D::Error> {
        if TypeId::of::<T>() == TypeId::of::<()>() {
            IgnoredAny::deserialize(d)?;
            return T::deserialize(().into_deserializer());
        }
        T::deserialize(d)
    }
}

impl<'de, T: Deserialize<'de> + 'static, Q: Quiet> Deserialize<'de> for Unread<T, Q> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer
            .deserialize_newtype_struct(Q::NAME, Inner::<T>(PhantomData))
            .map(|told| Self(told, PhantomData))
    }
}

impl<'de> Deserialize<'de> for Ignored {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(IGNORED, Inner::<()>(PhantomData)).map(|()| Self)
    }
}
