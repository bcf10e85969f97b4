//! From Prometheus' text to OTLP's messages: pure. The text is our own, so a line that is not understood is left out.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, Sum, Summary,
    SummaryDataPoint, number_data_point,
};

/// From when to when was counted, nanoseconds since 1970.
#[derive(Debug, Clone, Copy)]
pub(super) struct Period {
    pub(super) from: u64,
    pub(super) to: u64,
}

type Labels = BTreeMap<String, String>;

/// One line of the text.
struct Sample {
    name: String,
    labels: Labels,
    value: f64,
}

/// The metrics of a text.
pub(super) fn metrics(text: &str, period: Period) -> Vec<Metric> {
    let mut metrics = Vec::new();
    let mut current: Option<(String, &str)> = None;
    let mut samples = Vec::new();
    for line in text.lines() {
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            if let Some((name, kind)) = current.replace((name.to_owned(), kind)) {
                metrics.extend(metric(name, kind, std::mem::take(&mut samples), period));
            }
        } else if !line.starts_with('#') {
            samples.extend(sample(line));
        }
    }
    if let Some((name, kind)) = current {
        metrics.extend(metric(name, kind, samples, period));
    }
    metrics
}

fn metric(name: String, kind: &str, samples: Vec<Sample>, period: Period) -> Option<Metric> {
    let data = match kind {
        "counter" => Data::Sum(Sum {
            data_points: samples.iter().map(|sample| number(sample, period)).collect(),
            aggregation_temporality: AggregationTemporality::Cumulative.into(),
            is_monotonic: true,
        }),
        "gauge" => Data::Gauge(Gauge { data_points: samples.iter().map(|sample| number(sample, period)).collect() }),
        "histogram" => Data::Histogram(Histogram {
            data_points: series(&name, samples, "le")
                .map(|(labels, parts)| histogram(&labels, &parts, period))
                .collect(),
            aggregation_temporality: AggregationTemporality::Cumulative.into(),
        }),
        "summary" => Data::Summary(Summary {
            data_points: series(&name, samples, "quantile")
                .map(|(labels, parts)| summary(&labels, parts, period))
                .collect(),
        }),
        _ => return None,
    };
    // A unit that is the name's last word is what OTLP has apart.
    let unit = if name.ends_with("_seconds") {
        "s"
    } else if name.ends_with("_bytes") {
        "By"
    } else {
        ""
    };
    Some(Metric { name, unit: unit.to_owned(), data: Some(data), ..Metric::default() })
}

fn number(sample: &Sample, period: Period) -> NumberDataPoint {
    NumberDataPoint {
        attributes: attributes(&sample.labels),
        start_time_unix_nano: period.from,
        time_unix_nano: period.to,
        value: Some(number_data_point::Value::AsDouble(sample.value)),
        ..NumberDataPoint::default()
    }
}

/// What is told of one series in several lines.
#[derive(Default)]
struct Parts {
    /// By bound or quantile, in the text's order, which rises.
    steps: Vec<(f64, f64)>,
    sum: f64,
    count: f64,
}

/// The lines of a histogram or summary by series. `step` is the label that tells its steps apart.
fn series(name: &str, samples: Vec<Sample>, step: &str) -> impl Iterator<Item = (Labels, Parts)> {
    let mut series: BTreeMap<Labels, Parts> = BTreeMap::new();
    for mut sample in samples {
        let at = sample.labels.remove(step).and_then(|at| at.parse().ok());
        let parts = series.entry(sample.labels).or_default();
        match (sample.name.strip_prefix(name), at) {
            (Some("_sum"), _) => parts.sum = sample.value,
            (Some("_count"), _) => parts.count = sample.value,
            (_, Some(at)) => parts.steps.push((at, sample.value)),
            _ => {}
        }
    }
    series.into_iter()
}

/// Prometheus counts in each bucket what is in those below too, and has a last one without a bound.
fn histogram(labels: &Labels, parts: &Parts, period: Period) -> HistogramDataPoint {
    let below = std::iter::once(0.0).chain(parts.steps.iter().map(|(_, count)| *count));
    let counts = parts.steps.iter().zip(below).map(|((_, count), below)| whole(count - below)).collect();
    HistogramDataPoint {
        attributes: attributes(labels),
        start_time_unix_nano: period.from,
        time_unix_nano: period.to,
        count: whole(parts.count),
        sum: Some(parts.sum),
        bucket_counts: counts,
        explicit_bounds: parts.steps.iter().map(|(bound, _)| *bound).filter(|bound| bound.is_finite()).collect(),
        ..HistogramDataPoint::default()
    }
}

fn summary(labels: &Labels, parts: Parts, period: Period) -> SummaryDataPoint {
    let quantiles = parts.steps.into_iter().map(|(quantile, value)| ValueAtQuantile { quantile, value });
    SummaryDataPoint {
        attributes: attributes(labels),
        start_time_unix_nano: period.from,
        time_unix_nano: period.to,
        count: whole(parts.count),
        sum: parts.sum,
        quantile_values: quantiles.collect(),
        ..SummaryDataPoint::default()
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count is whole and not negative")]
fn whole(count: f64) -> u64 {
    count.max(0.0) as u64
}

fn attributes(labels: &Labels) -> Vec<KeyValue> {
    let value = |value: &String| Some(AnyValue { value: Some(Value::StringValue(value.clone())) });
    labels.iter().map(|(key, of)| KeyValue { key: key.clone(), value: value(of), ..KeyValue::default() }).collect()
}

/// Reads `name{label="value",…} 1.5`.
fn sample(line: &str) -> Option<Sample> {
    let (series, value) = line.rsplit_once(' ')?;
    let value = value.parse().ok()?;
    let Some((name, rest)) = series.split_once('{') else {
        return Some(Sample { name: series.to_owned(), labels: Labels::new(), value });
    };
    Some(Sample { name: name.to_owned(), labels: labels(rest.strip_suffix('}')?)?, value })
}

/// Reads `label="value",…`.
fn labels(text: &str) -> Option<Labels> {
    let mut labels = Labels::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (key, quoted) = rest.split_once("=\"")?;
        let (value, behind) = unquoted(quoted)?;
        labels.insert(key.to_owned(), value);
        rest = behind.strip_prefix(',').unwrap_or(behind);
    }
    Some(labels)
}

/// A value up to its closing quote, and what comes behind that. `\\`, `\"` and `\n` stand for what could not stand there itself.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.chars();
    loop {
        match characters.next()? {
            '"' => return Some((value, characters.as_str())),
            '\\' => match characters.next()? {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Period = Period { from: 1, to: 2 };

    fn only(text: &str) -> Metric {
        let [metric] = <[Metric; 1]>::try_from(metrics(text, PERIOD)).unwrap();
        metric
    }

    #[test]
    fn a_counter_goes_on_from_the_start() {
        let metric =
            only("# HELP a_total What it is\n# TYPE a_total counter\na_total{door=\"h\\\"t\\\\t{}\\n, p\",b=\"\"} 7\n");
        let Some(Data::Sum(sum)) = metric.data else { panic!("{metric:?}") };
        assert!(sum.is_monotonic);
        let [point] = &sum.data_points[..] else { panic!("{sum:?}") };
        assert_eq!((point.start_time_unix_nano, point.time_unix_nano), (1, 2));
        assert_eq!(point.value, Some(number_data_point::Value::AsDouble(7.0)));
        let labels =
            BTreeMap::from([("b".to_owned(), String::new()), ("door".to_owned(), "h\"t\\t{}\n, p".to_owned())]);
        assert_eq!(point.attributes, attributes(&labels));
    }

    #[test]
    fn a_histograms_buckets_count_each_for_itself() {
        let text = "# TYPE h_seconds histogram\n\
                    h_seconds_bucket{t=\"x\",le=\"0.1\"} 2\nh_seconds_bucket{t=\"x\",le=\"1\"} 5\n\
                    h_seconds_bucket{t=\"x\",le=\"+Inf\"} 6\nh_seconds_sum{t=\"x\"} 9.5\nh_seconds_count{t=\"x\"} 6\n";
        let metric = only(text);
        assert_eq!((metric.name.as_str(), metric.unit.as_str()), ("h_seconds", "s"));
        let Some(Data::Histogram(histogram)) = metric.data else { panic!("{metric:?}") };
        let [point] = &histogram.data_points[..] else { panic!("{histogram:?}") };
        assert_eq!((&point.bucket_counts[..], &point.explicit_bounds[..]), (&[2, 3, 1][..], &[0.1, 1.0][..]));
        assert_eq!((point.count, point.sum), (6, Some(9.5)));
    }

    #[test]
    fn a_summary_keeps_its_quantiles_and_a_gauge_its_value() {
        let text = "# TYPE s summary\ns{quantile=\"0\"} 1\ns{quantile=\"0.5\"} 3\ns_sum 8\ns_count 4\n\n# TYPE g gauge\ng NaN\n";
        let all = metrics(text, PERIOD);
        let [Some(Data::Summary(summary)), Some(Data::Gauge(gauge))] =
            &all.iter().map(|m| m.data.clone()).collect::<Vec<_>>()[..]
        else {
            panic!("{all:?}")
        };
        assert_eq!(summary.data_points[0].quantile_values.len(), 2);
        assert_eq!((summary.data_points[0].count, summary.data_points[0].sum), (4, 8.0));
        assert!(
            matches!(gauge.data_points[0].value, Some(number_data_point::Value::AsDouble(value)) if value.is_nan())
        );
    }

    #[test]
    fn all_that_the_recorder_says_is_understood() {
        crate::telemetry::install_metrics();
        metrics::counter!("homeroom_test_of_text_total", "a" => "\"\\\n").increment(1);
        metrics::histogram!("homeroom_test_of_text_seconds").record(0.3);
        metrics::histogram!("homeroom_test_of_text_records").record(3.0);
        let text = crate::telemetry::metrics_text();
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        for line in lines {
            assert!(sample(line).is_some(), "{line}");
        }
        let all = super::metrics(&text, PERIOD);
        assert!(all.iter().any(|metric| metric.name == "homeroom_test_of_text_records"), "{text}");
    }
}
