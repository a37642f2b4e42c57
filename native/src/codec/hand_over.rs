//! Handing single values to stock's own encoder, which knows types and hooks that are not known here.
use fast_langgraph_msgpack::writer::Sink;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

use super::counters::ENCODED;
use super::encode::Encoder;
use super::fail::Fail;
use super::stock::full_name;

impl<'py, S: Sink> Encoder<'_, 'py, S> {
    /// Writes a key that is neither a str nor an int. ormsgpack has rules of its own for these, so it encodes them, in a
    /// map of one entry.
    pub fn unusual_key(&mut self, key: &Bound<'py, PyAny>) -> Result<(), Fail> {
        let map = PyDict::new(self.py);
        map.set_item(key, self.py.None())?;
        let mut around = map.into_any();
        // The levels of a tuple count on top of those that are open here, so as many lists are put around it.
        let lists = if key.is_exact_instance_of::<PyTuple>() { usize::from(self.levels) - 1 } else { 0 };
        for _ in 0..lists {
            around = PyList::new(self.py, [around])?.into_any();
        }
        ENCODED.value_by_stock(&full_name(key), "as a key");
        self.handed_over(1);
        let bytes = self.stock().encode(&around)?;
        match bytes.as_bytes().get(lists..) {
            Some([0x81, key @ .., 0xc0]) => {
                self.out.extend(key);
                Ok(())
            }
            _ => Err(Fail::Key),
        }
    }

    fn handed_over(&mut self, count: u64) {
        self.ran_python = true;
        self.handed_over += count;
        self.seen.clear();
    }

    /// Writes the value as stock encodes it, with the rules of its class and the code of users.
    pub fn hook(&mut self, object: &Bound<'py, PyAny>, reason: &str) -> Result<(), Fail> {
        ENCODED.value_by_stock(&full_name(object), reason);
        self.hook_counted(object)
    }

    /// The same for a value that is counted already.
    pub fn hook_counted(&mut self, object: &Bound<'py, PyAny>) -> Result<(), Fail> {
        self.handed_over(1);
        let bytes = self.stock().encode(object)?;
        self.out.extend(bytes.as_bytes());
        Ok(())
    }
}
