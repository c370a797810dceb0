//! The table of the results.

/// Metric → value per daemon, in the order of measurement.
#[derive(Default)]
pub(super) struct Table(Vec<(String, Vec<f64>)>);

impl Table {
    pub(super) fn add(&mut self, metric: &str, value: f64) {
        match self.0.iter_mut().find(|(name, _)| name == metric) {
            Some((_, values)) => values.push(value),
            None => self.0.push((metric.to_owned(), vec![value])),
        }
    }

    pub(super) fn print(&self) {
        println!("{:48} {:>10} {:>10} {:>9}", "metric", "shoald", "dockerd", "ratio");
        for (metric, values) in &self.0 {
            let reference = values.get(1);
            let text = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.4}"));
            let ratio = reference.map(|reference| values[0] / reference);
            println!(
                "{metric:48} {:>10} {:>10} {:>9}",
                text(values.first().copied()),
                text(reference.copied()),
                text(ratio)
            );
        }
    }
}
