//! Adds up calls that are over.
use std::collections::HashMap;

use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::call::Call;
use super::parts::PARTS;
use crate::sync::lock;

/// All calls of one method of one saver: their seconds, parts and bytes, and how many ended by which exception.
#[derive(IntoPyObject)]
struct Method {
    method: Py<PyTuple>,
    seconds: Vec<f64>,
    parts: [Option<f64>; PARTS],
    bytes: Option<usize>,
    errors: HashMap<String, usize>,
}

/// What a channel has cost: in the checkpoints that were looked into, and as pending writes.
#[derive(Default, IntoPyObject)]
struct Costs {
    name: String,
    bytes: usize,
    seconds: Option<f64>,
    writes: usize,
    write_bytes: usize,
    write_seconds: f64,
}

/// In the order in which they came.
#[derive(Default)]
struct Channels {
    costs: Vec<Costs>,
    places: HashMap<String, usize>,
}

impl Channels {
    fn add(&mut self, name: &str, add: impl FnOnce(&mut Costs)) {
        let place = self.places.get(name).copied().unwrap_or_else(|| {
            self.places.insert(name.to_owned(), self.costs.len());
            self.costs.push(Costs { name: name.to_owned(), ..Costs::default() });
            self.costs.len() - 1
        });
        if let Some(costs) = self.costs.get_mut(place) {
            add(costs);
        }
    }
}

#[derive(IntoPyObject)]
pub struct Sums {
    methods: Vec<Method>,
    channels: Vec<Costs>,
    /// The bytes of each checkpoint that was put.
    put_bytes: Vec<usize>,
    /// How many checkpoints were looked into, and their bytes.
    sampled: usize,
    sampled_bytes: usize,
    /// Seconds that measuring itself took.
    overhead: f64,
}

/// Of calls that are over.
pub fn sum_up(py: Python<'_>, calls: &[Py<Call>]) -> Sums {
    let mut methods: Vec<Method> = Vec::new();
    let mut channels = Channels::default();
    let mut sums = Sums {
        methods: Vec::new(),
        channels: Vec::new(),
        put_bytes: Vec::new(),
        sampled: 0,
        sampled_bytes: 0,
        overhead: 0.0,
    };
    for call in calls.iter().map(Py::get) {
        let state = lock(&call.state);
        // The tuple of one method is one object.
        let place = methods.iter().position(|known| known.method.is(&call.method));
        let place = place.unwrap_or_else(|| {
            let method = call.method.clone_ref(py);
            let (seconds, errors) = (Vec::new(), HashMap::new());
            methods.push(Method { method, seconds, parts: [None; PARTS], bytes: None, errors });
            methods.len() - 1
        });
        let Some(method) = methods.get_mut(place) else { continue };
        method.seconds.push(state.took());
        for (sum, part) in method.parts.iter_mut().zip(state.parts) {
            *sum = plus(*sum, part);
        }
        if let Some(bytes) = state.bytes {
            method.bytes = Some(method.bytes.unwrap_or(0) + bytes);
        }
        if let Some(error) = &state.error {
            *method.errors.entry(error.clone()).or_default() += 1;
        }
        sums.overhead += state.overhead;
        for (name, written) in call.channels.iter().flatten().zip(&state.written) {
            channels.add(name, |costs| {
                costs.writes += 1;
                costs.write_bytes += written.bytes;
                costs.write_seconds += written.seconds;
            });
        }
        let Some(bytes) = state.bytes.filter(|_| call.is_put) else { continue };
        sums.put_bytes.push(bytes);
        let Some(look) = &state.look else { continue };
        sums.sampled += 1;
        sums.sampled_bytes += bytes;
        for (name, size) in &look.bytes {
            let seconds = look.seconds.as_ref().and_then(|times| times.get(name).copied());
            channels.add(name, |costs| {
                costs.bytes += size;
                costs.seconds = plus(costs.seconds, seconds);
            });
        }
    }
    Sums { methods, channels: channels.costs, ..sums }
}

fn plus(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one + other),
        _ => one.or(other),
    }
}
