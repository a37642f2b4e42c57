//! Writing MessagePack, each value in its shortest form, as ormsgpack does.
use rmp::Marker;

/// A length that does not fit into the 32 bits of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

/// Where encoded bytes are written to. The payload of an ext may have to be moved when its length is known, so what was
/// written stays accessible.
pub trait Sink {
    /// How many bytes were written.
    fn written(&self) -> usize;
    fn push(&mut self, byte: u8);
    fn extend(&mut self, bytes: &[u8]);
    /// Drops all but the first `len` bytes.
    fn cut(&mut self, len: usize);
    /// All that was written.
    fn bytes_mut(&mut self) -> &mut [u8];
}

impl Sink for Vec<u8> {
    #[inline]
    fn written(&self) -> usize {
        self.len()
    }

    #[inline]
    fn push(&mut self, byte: u8) {
        Self::push(self, byte);
    }

    #[inline]
    fn extend(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    #[inline]
    fn cut(&mut self, len: usize) {
        self.truncate(len);
    }

    #[inline]
    fn bytes_mut(&mut self) -> &mut [u8] {
        self
    }
}

fn narrow(len: usize) -> Result<u32, TooLong> {
    u32::try_from(len).map_err(|_| TooLong)
}

#[inline]
fn marked<S: Sink, const N: usize>(out: &mut S, marker: Marker, payload: [u8; N]) {
    out.push(marker.to_u8());
    out.extend(&payload);
}

#[inline]
pub fn nil<S: Sink>(out: &mut S) {
    out.push(Marker::Null.to_u8());
}

#[inline]
pub fn bool<S: Sink>(out: &mut S, value: bool) {
    out.push(if value { Marker::True } else { Marker::False }.to_u8());
}

#[inline]
#[allow(clippy::cast_possible_truncation)] // each arm's range is the cast's
pub fn u64<S: Sink>(out: &mut S, value: u64) {
    match value {
        0..0x80 => out.push(value as u8),
        0x80..0x100 => marked(out, Marker::U8, [value as u8]),
        0x100..0x1_0000 => marked(out, Marker::U16, (value as u16).to_be_bytes()),
        0x1_0000..0x1_0000_0000 => marked(out, Marker::U32, (value as u32).to_be_bytes()),
        _ => marked(out, Marker::U64, value.to_be_bytes()),
    }
}

#[inline]
#[allow(clippy::cast_possible_truncation)] // each arm's range is the cast's
pub fn i64<S: Sink>(out: &mut S, value: i64) {
    match value {
        0.. => u64(out, value.cast_unsigned()),
        -32..0 => out.push((value as i8).cast_unsigned()),
        -0x80..-32 => marked(out, Marker::I8, (value as i8).to_be_bytes()),
        -0x8000..-0x80 => marked(out, Marker::I16, (value as i16).to_be_bytes()),
        -0x8000_0000..-0x8000 => marked(out, Marker::I32, (value as i32).to_be_bytes()),
        _ => marked(out, Marker::I64, value.to_be_bytes()),
    }
}

#[inline]
pub fn f64<S: Sink>(out: &mut S, value: f64) {
    marked(out, Marker::F64, value.to_be_bytes());
}

#[inline]
#[allow(clippy::cast_possible_truncation)] // each arm's range is the cast's
fn sized<S: Sink>(out: &mut S, len: u32, fix: Option<Marker>, eight: Option<Marker>, sixteen: Marker, more: Marker) {
    if let Some(marker) = fix {
        out.push(marker.to_u8());
    } else if let (Some(marker), 0..0x100) = (eight, len) {
        marked(out, marker, [len as u8]);
    } else if len < 0x1_0000 {
        marked(out, sixteen, (len as u16).to_be_bytes());
    } else {
        marked(out, more, len.to_be_bytes());
    }
}

/// Writes a str; `value` must be UTF-8.
#[inline]
#[allow(clippy::cast_possible_truncation)] // below 32
pub fn str<S: Sink>(out: &mut S, value: &[u8]) -> Result<(), TooLong> {
    let len = narrow(value.len())?;
    let fix = (len < 32).then_some(Marker::FixStr(len as u8));
    sized(out, len, fix, Some(Marker::Str8), Marker::Str16, Marker::Str32);
    out.extend(value);
    Ok(())
}

#[inline]
pub fn bin<S: Sink>(out: &mut S, value: &[u8]) -> Result<(), TooLong> {
    let len = narrow(value.len())?;
    sized(out, len, None, Some(Marker::Bin8), Marker::Bin16, Marker::Bin32);
    out.extend(value);
    Ok(())
}

#[inline]
#[allow(clippy::cast_possible_truncation)] // below 16
pub fn array_len<S: Sink>(out: &mut S, len: usize) -> Result<(), TooLong> {
    let len = narrow(len)?;
    let fix = (len < 16).then_some(Marker::FixArray(len as u8));
    sized(out, len, fix, None, Marker::Array16, Marker::Array32);
    Ok(())
}

#[inline]
#[allow(clippy::cast_possible_truncation)] // below 16
pub fn map_len<S: Sink>(out: &mut S, len: usize) -> Result<(), TooLong> {
    let len = narrow(len)?;
    let fix = (len < 16).then_some(Marker::FixMap(len as u8));
    sized(out, len, fix, None, Marker::Map16, Marker::Map32);
    Ok(())
}

/// The size of the header of an ext of 256 to 65,535 bytes, which most messages are.
const RESERVED: usize = 4;

/// An ext whose payload is being written, so its length is not known yet.
#[must_use]
pub struct OpenExt {
    start: usize,
}

/// Leaves room for the header of an ext. What is written until `close_ext` is its payload.
#[inline]
pub fn open_ext<S: Sink>(out: &mut S) -> OpenExt {
    let start = out.written();
    out.extend(&[0; RESERVED]);
    OpenExt { start }
}

/// Writes the header, and moves the payload if the header has another size than the room that was left for it.
#[inline]
pub fn close_ext<S: Sink>(out: &mut S, ext: OpenExt, code: u8) -> Result<(), TooLong> {
    let payload = ext.start + RESERVED;
    let len = narrow(out.written().saturating_sub(payload))?;
    let [_, _, high, low] = len.to_be_bytes();
    let header: ([u8; 6], usize) = match len {
        0x100..0x1_0000 => ([Marker::Ext16.to_u8(), high, low, code, 0, 0], 4),
        1 => ([Marker::FixExt1.to_u8(), code, 0, 0, 0, 0], 2),
        2 => ([Marker::FixExt2.to_u8(), code, 0, 0, 0, 0], 2),
        4 => ([Marker::FixExt4.to_u8(), code, 0, 0, 0, 0], 2),
        8 => ([Marker::FixExt8.to_u8(), code, 0, 0, 0, 0], 2),
        16 => ([Marker::FixExt16.to_u8(), code, 0, 0, 0, 0], 2),
        0..0x100 => ([Marker::Ext8.to_u8(), low, code, 0, 0, 0], 3),
        _ => {
            let [a, b, c, d] = len.to_be_bytes();
            // RESERVED and the two bytes added below.
            ([Marker::Ext32.to_u8(), a, b, c, d, code], 6)
        }
    };
    let (bytes, size) = header;
    let end = out.written();
    if size > RESERVED {
        out.extend(&[0; 2]);
        out.bytes_mut().copy_within(payload..end, ext.start + size);
    } else if size < RESERVED {
        out.bytes_mut().copy_within(payload..end, ext.start + size);
        out.cut(end + size - RESERVED);
    }
    for (slot, byte) in out.bytes_mut().iter_mut().skip(ext.start).zip(bytes.iter().take(size)) {
        *slot = *byte;
    }
    Ok(())
}
