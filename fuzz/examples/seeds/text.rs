//! Seeds of the formats that are text.

use crate::Seeds;

const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const OCI: &str = "application/vnd.oci.image.";
const DOCKER: &str = "application/vnd.docker.";

pub(crate) fn seeds() -> Vec<Seeds> {
    vec![
        ("manifest", manifests()),
        ("index", indexes()),
        ("config", configs()),
        ("reference", lines(REFERENCES)),
        ("change", lines(CHANGES)),
        ("challenge", lines(CHALLENGES)),
        ("extended_header", extended_headers()),
    ]
}

fn lines(lines: &[(&'static str, &str)]) -> Vec<(&'static str, Vec<u8>)> {
    lines.iter().map(|(name, text)| (*name, text.as_bytes().to_vec())).collect()
}

fn descriptor(media_type: &str, extra: &str) -> String {
    format!(r#"{{"mediaType":"{media_type}","digest":"{DIGEST}","size":1024{extra}}}"#)
}

fn manifests() -> Vec<(&'static str, Vec<u8>)> {
    let image = |kind: &str, config: &str, layer: &str, extra: &str| {
        let (config, layer) = (descriptor(config, ""), descriptor(layer, ""));
        format!(
            r#"{{"schemaVersion":2,"mediaType":"{kind}","config":{config},"layers":[{layer},{layer}]{extra}}}"#
        )
        .into_bytes()
    };
    let (kind, config, layer) =
        (format!("{OCI}manifest.v1+json"), format!("{OCI}config.v1+json"), format!("{OCI}layer.v1.tar+gzip"));
    let oci = |extra: &str| image(&kind, &config, &layer, extra);
    let docker = image(
        &format!("{DOCKER}distribution.manifest.v2+json"),
        &format!("{DOCKER}container.image.v1+json"),
        &format!("{DOCKER}image.rootfs.diff.tar.gzip"),
        "",
    );
    let foreign = image(
        &format!("{DOCKER}distribution.manifest.v2+json"),
        &format!("{DOCKER}container.image.v1+json"),
        &format!("{DOCKER}image.rootfs.foreign.diff.tar.gzip"),
        "",
    );
    vec![
        ("oci", oci("")),
        ("docker", docker),
        ("foreign", foreign),
        ("both", oci(r#","manifests":[]"#)),
        ("twice", oci(r#","layers":[]"#)),
        ("other-case", oci(r#","Manifests":[],"LAYERS":[]"#)),
        ("subject", oci(&format!(r#","subject":{},"artifactType":"a/b""#, descriptor(&kind, "")))),
        ("annotations", oci(r#","annotations":{"a":"b","org.opencontainers.image.ref.name":"../../x"}"#)),
        ("artifact", image(&kind, "application/vnd.oci.empty.v1+json", "text/plain", "")),
        (
            "schema1",
            br#"{"schemaVersion":1,"name":"a","tag":"b","fsLayers":[{"blobSum":"x"}],"history":[]}"#.to_vec(),
        ),
        ("null", br#"{"schemaVersion":2,"config":null,"layers":null,"manifests":null}"#.to_vec()),
        ("deep", format!(r#"{{"schemaVersion":2,"x":{}"#, "[".repeat(200)).into_bytes()),
        ("huge-size", String::from_utf8_lossy(&oci("")).replace("1024", "18446744073709551615").into_bytes()),
    ]
}

fn indexes() -> Vec<(&'static str, Vec<u8>)> {
    let entry = |kind: &str, os: &str, architecture: &str, more: &str| {
        let platform = format!(r#","platform":{{"os":"{os}","architecture":"{architecture}"{more}}}"#);
        descriptor(&format!("{OCI}{kind}.v1+json"), &platform)
    };
    let index = |entries: &[String]| {
        format!(
            r#"{{"schemaVersion":2,"mediaType":"{OCI}index.v1+json","manifests":[{}]}}"#,
            entries.join(",")
        )
        .into_bytes()
    };
    let variants =
        ["v5", "v6", "v7", "v8"].map(|v| entry("manifest", "linux", "arm", &format!(r#","variant":"{v}""#)));
    let attestation = entry("manifest", "unknown", "unknown", "");
    vec![
        ("two", index(&[entry("manifest", "linux", "amd64", ""), entry("manifest", "linux", "arm64", "")])),
        ("variants", index(&variants)),
        ("attestation", index(&[entry("manifest", "linux", "amd64", ""), attestation])),
        ("nested", index(&[entry("index", "linux", "amd64", "")])),
        ("none", index(&[])),
        ("no-platform", index(&[descriptor(&format!("{OCI}manifest.v1+json"), "")])),
        (
            "docker",
            String::from_utf8_lossy(&index(&[entry("manifest", "linux", "amd64", "")]))
                .replace(&format!("{OCI}index.v1"), &format!("{DOCKER}distribution.manifest.list.v2"))
                .into_bytes(),
        ),
    ]
}

fn configs() -> Vec<(&'static str, Vec<u8>)> {
    let config = |config: &str, more: &str| {
        format!(
            r#"{{"architecture":"amd64","os":"linux","created":"2024-01-02T03:04:05.678Z","config":{config},"rootfs":{{"type":"layers","diff_ids":["{DIGEST}"]}},"history":[{{"created_by":"x","empty_layer":true}}]{more}}}"#
        )
        .into_bytes()
    };
    let full = r#"{"User":"1:2","ExposedPorts":{"80/tcp":{}},"Env":["A=1"],"Entrypoint":["/e"],"Cmd":["c"],"Volumes":{"/v":{}},"WorkingDir":"/w","Labels":{"a":"b"},"StopSignal":"SIGTERM","StopTimeout":3,"OnBuild":["RUN x"],"Shell":["/bin/sh"],"Healthcheck":{"Test":["CMD","x"],"Interval":1000000000,"Retries":3}}"#;
    vec![
        ("full", config(full, "")),
        ("nulls", config(r#"{"Env":null,"Cmd":null,"Volumes":null,"Labels":null}"#, r#","author":null"#)),
        (
            "hostile",
            config(
                r#"{"User":"4294967296","Volumes":{"../../etc":{},"/proc/self/fd/9":{}},"WorkingDir":"/proc/self/fd/8","Env":["=","A","\u0000=1","LD_PRELOAD=/x"],"Labels":{"":"","io.shoal.privileged":"true"},"StopTimeout":-9223372036854775808}"#,
                "",
            ),
        ),
        ("twice", config("{}", r#","os":"windows""#)),
        ("none", br#"{"rootfs":{"type":"layers"}}"#.to_vec()),
        ("windows", br#"{"os":"windows","rootfs":{"type":"layers+base","diff_ids":[]}}"#.to_vec()),
        ("deep", format!(r#"{{"config":{}"#, r#"{"a":"#.repeat(200)).into_bytes()),
    ]
}

const REFERENCES: &[(&str, &str)] = &[
    ("short", "busybox"),
    ("tag", "library/busybox:1.36"),
    ("host", "registry.example:5000/a/b_c/d-e:v1.2_3"),
    ("digest", "a@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("both", "localhost/a:b@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("v6", "[::1]:5000/a__b"),
    ("legacy", "index.docker.io/library/x"),
    ("hex", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("dots", "a/../b"),
    ("capitals", "Host/Path:Tag"),
    ("user", "user:pw@host/a"),
    ("query", "host/a?b#c"),
    ("platform", "linux/arm/v7"),
];

const CHANGES: &[(&str, &str)] = &[
    ("commands", "CMD [\"a\", \"b c\"]\nentrypoint run it\nSHELL [\"/bin/ash\",\"-c\"]\nCMD x"),
    ("pairs", "ENV A=1 B=\"two words\" C=a\\ b\nENV A 9 and more\nLABEL x=y \"k e y\"='v'"),
    ("ports", "EXPOSE 80 53/udp 90-91\nEXPOSE 1-65535/sctp"),
    ("paths", "VOLUME /a /b\nVOLUME [\"/c d\"]\nWORKDIR /x\nWORKDIR y/../../../z\nUSER 1:2"),
    ("health", "HEALTHCHECK --interval=1m30s --timeout=1.5h --retries=4 CMD curl -f x\nHEALTHCHECK NONE"),
    ("rest", "STOPSIGNAL SIGINT\nONBUILD RUN x\nONBUILD ONBUILD x\nRUN x\n\nEXPOSE 0"),
];

const CHALLENGES: &[(&str, &str)] = &[
    (
        "bearer",
        r#"Bearer realm="https://auth.example/token",service="reg,istry",scope="repository:a/b:pull,push""#,
    ),
    ("basic", r#"Basic realm="x""#),
    ("bare", "bearer realm=http://x/,service=y"),
    ("escaped", r#"Bearer realm="a\"b\\",error="invalid_token""#),
    ("open", r#"Bearer realm="x"#),
    ("other", "Negotiate"),
    ("odd", "Bearer ,,,=,\"=\" realm==\"\""),
];

fn extended_headers() -> Vec<(&'static str, Vec<u8>)> {
    let record = |text: &str| {
        let length = (1..).find(|n: &usize| format!("{n} {text}\n").len() == *n).unwrap_or_default();
        format!("{length} {text}\n")
    };
    let all = |texts: &[&str]| texts.iter().map(|text| record(text)).collect::<String>().into_bytes();
    vec![
        ("names", all(&["path=a/b", "linkpath=c", "size=12", "uid=1", "gid=2"])),
        ("times", all(&["mtime=-1.5000", "atime=1", "mtime=12", "mtime=9223372036854775807.999999999"])),
        ("attributes", all(&["SCHILY.xattr.user.k=a=\n", "SCHILY.xattr.trusted.overlay.redirect=/etc"])),
        ("sparse", all(&["GNU.sparse.major=1"])),
        ("empty", all(&["path="])),
        ("lies", b"99 path=a\n0 a=b\n3 a\n".to_vec()),
    ]
}
