//! `shoal service logs`.

use std::collections::HashMap;

use bytes::{Bytes, BytesMut};
use engine_api::swarm::{Node, Service, Task};

use crate::attachment::Sinks;
use crate::client::{Channel, Client, Demux, Request, encode_path};
use crate::console;
use crate::error::Error;
use crate::flag::moment;
use crate::format::text::short_id;

/// What every line says of where it comes from, before its text.
const NODE: &str = "com.docker.swarm.node.id";
const SERVICE: &str = "com.docker.swarm.service.id";
const TASK: &str = "com.docker.swarm.task.id";
/// The largest line that is put together; a longer one comes in pieces.
const MAX_LINE: usize = 1 << 20;

/// Fetch the logs of a service or task
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal service logs [OPTIONS] SERVICE|TASK")]
pub(crate) struct Args {
    /// Show extra details provided to logs
    #[arg(long)]
    details: bool,
    /// Follow log output
    #[arg(short, long)]
    follow: bool,
    /// Do not map IDs to Names in output
    #[arg(long)]
    no_resolve: bool,
    /// Do not include task IDs in output
    #[arg(long)]
    no_task_ids: bool,
    /// Do not truncate output
    #[arg(long)]
    no_trunc: bool,
    /// Do not neatly format logs
    #[arg(long)]
    raw: bool,
    /// Show logs since timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)
    #[arg(long, value_name = "string", value_parser = moment::parse)]
    since: Option<String>,
    /// Number of lines to show from the end of the logs
    #[arg(short = 'n', long, value_name = "string", default_value = "all")]
    tail: String,
    /// Show timestamps
    #[arg(short, long)]
    timestamps: bool,
    #[arg(value_name = "SERVICE|TASK", hide = true)]
    target: String,
}

/// Whose logs they are.
struct Target {
    path: String,
    tty: bool,
    /// Digits of the largest slot, to which names are filled up.
    width: usize,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    let target = target(client, &args.target).await?;
    if target.tty && !args.raw {
        return Err(Error::Usage("tty service logs only supported with --raw".to_owned()));
    }
    let request = Request::get(&format!("{}/logs", target.path))
        .query("stdout", 1)
        .query("stderr", 1)
        .flag("follow", args.follow)
        .flag("timestamps", args.timestamps)
        // Without them nobody knows whose line it is.
        .flag("details", args.details || !args.raw)
        .query_some("since", args.since.clone())
        .query("tail", &args.tail);
    let mut answer = client.send(request).await?;
    if args.raw {
        let mut sinks = Sinks::new(!target.tty, true, true);
        while let Some(data) = answer.chunk().await? {
            sinks.write(&data).await?;
        }
        return Ok(());
    }
    let mut lines = Lines::default();
    let mut names = Names { client, args: &args, width: target.width, known: HashMap::new() };
    while let Some(data) = answer.chunk().await? {
        for (channel, line) in lines.push(&data)? {
            let text = names.neat(&line).await?;
            match channel {
                Channel::Err => console::error(&text),
                Channel::Out | Channel::System => console::out(&text)?,
            }
        }
    }
    Ok(())
}

async fn target(client: &Client, name: &str) -> Result<Target, Error> {
    let path = super::path(name);
    match client.json::<Service>(Request::get(&path)).await {
        Ok(service) => {
            let replicas = service.spec.mode.replicated.and_then(|mode| mode.replicas).unwrap_or(1);
            let tty = service.spec.task_template.container_spec.tty;
            return Ok(Target { path, tty, width: replicas.to_string().len() });
        }
        Err(Error::Daemon { status: 404, .. }) => {}
        Err(error) => return Err(error),
    }
    let path = format!("/tasks/{}", encode_path(name));
    match client.json::<Task>(Request::get(&path)).await {
        Ok(task) => {
            Ok(Target { path, tty: task.spec.container_spec.tty, width: task.slot.to_string().len() })
        }
        Err(Error::Daemon { status: 404, .. }) => {
            Err(Error::Usage(format!("no such task or service: {name}")))
        }
        Err(error) => Err(error),
    }
}

/// Puts lines together from frames that come in pieces.
#[derive(Default)]
struct Lines {
    demux: Demux,
    out: BytesMut,
    err: BytesMut,
}

impl Lines {
    fn push(&mut self, data: &[u8]) -> Result<Vec<(Channel, Bytes)>, Error> {
        self.demux.push(data);
        let mut lines = Vec::new();
        let bad = |error: crate::client::BadFrame| Error::Stream { message: error.to_string() };
        while let Some((channel, piece)) = self.demux.next().map_err(bad)? {
            let buffer = match channel {
                Channel::Out => &mut self.out,
                Channel::Err => &mut self.err,
                Channel::System => {
                    let message = format!("error from daemon in stream: {}", String::from_utf8_lossy(&piece));
                    return Err(Error::Stream { message });
                }
            };
            buffer.extend_from_slice(&piece);
            while let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
                lines.push((channel, buffer.split_to(end + 1).freeze()));
            }
            if buffer.len() > MAX_LINE {
                lines.push((channel, buffer.split().freeze()));
            }
        }
        Ok(lines)
    }
}

/// Gives each line the name of its task.
struct Names<'a> {
    client: &'a Client,
    args: &'a Args,
    width: usize,
    /// By task.
    known: HashMap<String, String>,
}

impl Names<'_> {
    async fn neat(&mut self, line: &[u8]) -> Result<String, Error> {
        let text = String::from_utf8_lossy(line);
        let line = Line::read(&text, self.args.timestamps)?;
        let name = match self.known.get(&line.task) {
            Some(name) => name.clone(),
            None => {
                let name = self.name(&line).await?;
                self.known.insert(line.task.clone(), name.clone());
                name
            }
        };
        Ok(line.neat(&name, self.args.details))
    }

    /// `web.1.id@node`, filled up so that the texts of all tasks stand below each other.
    async fn name(&self, line: &Line<'_>) -> Result<String, Error> {
        let task: Task =
            self.client.json(Request::get(&format!("/tasks/{}", encode_path(&line.task)))).await?;
        let (mut service, mut node) = (line.service.clone(), line.node.clone());
        if !self.args.no_resolve {
            let found: Service = self.client.json(Request::get(&super::path(&service))).await?;
            service = found.spec.name;
            let path = format!("/nodes/{}", encode_path(&node));
            // One that has left the swarm is shown by its id.
            if let Ok(found) = self.client.json::<Node>(Request::get(&path)).await {
                node = found.description.hostname;
            }
        }
        let mut name = format!("{service}.{}", task.slot);
        if !self.args.no_task_ids {
            let id = if self.args.no_trunc { &line.task[..] } else { short_id(&line.task) };
            name = format!("{name}.{id}");
        }
        let fill = self.width.saturating_sub(task.slot.to_string().len());
        Ok(format!("{name}@{node}{}", " ".repeat(fill)))
    }
}

/// One line, taken apart.
struct Line<'a> {
    time: Option<&'a str>,
    node: String,
    service: String,
    task: String,
    /// What the log driver keeps, sorted.
    details: Vec<&'a str>,
    text: &'a str,
}

impl<'a> Line<'a> {
    fn read(line: &'a str, timestamps: bool) -> Result<Self, Error> {
        let wrong = || Error::Stream { message: format!("invalid context in log message: {line}") };
        let (time, rest) = match timestamps {
            true => line.split_once(' ').map(|(time, rest)| (Some(time), rest)).ok_or_else(wrong)?,
            false => (None, line),
        };
        let (details, text) = rest.split_once(' ').ok_or_else(wrong)?;
        let (mut node, mut service, mut task, mut kept) = (None, None, None, Vec::new());
        for pair in details.split(',') {
            match pair.split_once('=') {
                Some((NODE, id)) => node = Some(id.to_owned()),
                Some((SERVICE, id)) => service = Some(id.to_owned()),
                Some((TASK, id)) => task = Some(id.to_owned()),
                _ => kept.push(pair),
            }
        }
        kept.sort_unstable();
        let (node, service, task) =
            (node.ok_or_else(wrong)?, service.ok_or_else(wrong)?, task.ok_or_else(wrong)?);
        Ok(Self { time, node, service, task, details: kept, text })
    }

    fn neat(&self, name: &str, details: bool) -> String {
        let time = self.time.map(|time| format!("{time} ")).unwrap_or_default();
        let details = if details { format!("{} ", self.details.join(",")) } else { String::new() };
        format!("{time}{name}    | {details}{}", self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTEXT: &str =
        "com.docker.swarm.node.id=n,com.docker.swarm.service.id=s,com.docker.swarm.task.id=t";

    #[test]
    fn lines_get_names() {
        let line = format!("{CONTEXT},b=2,a=1 hello  world\n");
        let read = Line::read(&line, false).unwrap();
        assert_eq!((read.node.as_str(), read.service.as_str(), read.task.as_str()), ("n", "s", "t"));
        assert_eq!(read.neat("web.1.t@n", false), "web.1.t@n    | hello  world\n");
        assert_eq!(read.neat("web.1.t@n", true), "web.1.t@n    | a=1,b=2 hello  world\n");
        let line = format!("TIME {CONTEXT} x\n");
        assert_eq!(Line::read(&line, true).unwrap().neat("w", false), "TIME w    | x\n");
        assert!(Line::read("no context here", false).is_err());
    }

    #[test]
    fn frames_in_pieces_become_lines() {
        let mut frames = vec![1, 0, 0, 0, 0, 0, 0, 4];
        frames.extend_from_slice(b"a\nbc");
        frames.extend_from_slice(&[1, 0, 0, 0, 0, 0, 0, 2, b'd', b'\n']);
        for at in 0..frames.len() {
            let mut lines = Lines::default();
            let (one, other) = frames.split_at(at);
            let got = [lines.push(one).unwrap(), lines.push(other).unwrap()].concat();
            let texts: Vec<_> = got.iter().map(|(_, line)| &line[..]).collect();
            assert_eq!(texts, [&b"a\n"[..], b"bcd\n"], "{at}");
        }
        assert!(Lines::default().push(&[3, 0, 0, 0, 0, 0, 0, 1, b'x']).is_err());
    }
}
