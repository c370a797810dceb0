//! How messages are printed that hold what must be in no log: without it.

use std::fmt;

use crate::pb;

impl fmt::Debug for pb::FileSpec {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("FileSpec")
            .field("annotations", &self.annotations)
            .field("data", &format_args!("{} bytes", self.data.len()))
            .field("templating", &self.templating)
            .finish()
    }
}

impl fmt::Debug for pb::RegistryCredentials {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("RegistryCredentials").finish_non_exhaustive()
    }
}

impl fmt::Debug for pb::RootCa {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rotation =
            self.rotation.as_ref().map(|rotation| String::from_utf8_lossy(&rotation.certificate_pem));
        out.debug_struct("RootCa")
            .field("certificate", &String::from_utf8_lossy(&self.certificate_pem))
            .field("rotation", &rotation)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_holds_a_secret_prints_it() {
        let spec = pb::FileSpec { data: b"hunter2".to_vec(), ..Default::default() };
        let auth = Some(pb::RegistryCredentials { header: "hunter2".to_owned() });
        let secret = pb::Secret { id: "s".to_owned(), spec: Some(spec.clone()), ..Default::default() };
        let service = pb::Service { registry_auth: auth.clone(), ..Default::default() };
        let change = pb::UpdateServiceRequest { registry_auth: auth, ..Default::default() };
        let asked = pb::CreateFileRequest { spec: Some(spec) };
        let root = pb::RootCa { key_pem: b"hunter2".to_vec(), ..Default::default() };
        let printed = format!("{secret:?}{service:?}{change:?}{asked:#?}{root:?}");
        let bytes = format!("{:?}", b"hunter2");
        assert!(!printed.contains("hunter2") && !printed.contains(&bytes), "{printed}");
        assert!(printed.contains("7 bytes"), "{printed}");
    }
}
