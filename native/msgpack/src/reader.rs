//! Reading MessagePack token by token, never past the end of the input.
pub use rmp::Marker;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Token<'a> {
    Nil,
    Bool(bool),
    UInt(u64),
    Int(i64),
    Float(f64),
    /// It may not be UTF-8.
    Str(&'a [u8]),
    Bin(&'a [u8]),
    /// How many elements should follow; the input may have fewer.
    Array(u32),
    /// How many pairs of key and value should follow; the input may have fewer.
    Map(u32),
    Ext(i8, &'a [u8]),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadError {
    UnexpectedEof,
    /// Marker 0xc1, which the format never uses.
    Reserved,
}

#[derive(Clone, Debug)]
pub struct Reader<'a> {
    data: &'a [u8],
}

impl<'a> Reader<'a> {
    pub const fn new(data: &'a [u8]) -> Self {
        Self { data }
    }

    /// The input that has not been read yet.
    pub const fn rest(&self) -> &'a [u8] {
        self.data
    }

    pub const fn remaining(&self) -> usize {
        self.data.len()
    }

    /// Skips `prefix` if the input goes on with exactly these bytes; says whether it does.
    #[inline]
    pub fn skip_exactly(&mut self, prefix: &[u8]) -> bool {
        match self.data.strip_prefix(prefix) {
            Some(rest) => {
                self.data = rest;
                true
            }
            None => false,
        }
    }

    /// Skips so many bytes, or all that are left.
    #[inline]
    pub fn skip(&mut self, len: usize) {
        self.data = self.data.get(len..).unwrap_or_default();
    }

    #[inline]
    fn take(&mut self, len: usize) -> Result<&'a [u8], ReadError> {
        let (taken, rest) = self.data.split_at_checked(len).ok_or(ReadError::UnexpectedEof)?;
        self.data = rest;
        Ok(taken)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], ReadError> {
        let (taken, rest) = self.data.split_first_chunk::<N>().ok_or(ReadError::UnexpectedEof)?;
        self.data = rest;
        Ok(*taken)
    }

    #[inline]
    fn u8(&mut self) -> Result<u8, ReadError> {
        self.array::<1>().map(|[byte]| byte)
    }

    #[inline]
    fn u16(&mut self) -> Result<u16, ReadError> {
        self.array().map(u16::from_be_bytes)
    }

    #[inline]
    fn u32(&mut self) -> Result<u32, ReadError> {
        self.array().map(u32::from_be_bytes)
    }

    #[inline]
    fn bytes(&mut self, len: u32) -> Result<&'a [u8], ReadError> {
        // No platform that CPython 3.10 runs on has a usize below 32 bits.
        self.take(len as usize)
    }

    #[inline]
    fn ext(&mut self, len: u32) -> Result<Token<'a>, ReadError> {
        let [code] = self.array::<1>()?;
        Ok(Token::Ext(code.cast_signed(), self.bytes(len)?))
    }

    /// The marker of the next token, without reading it.
    #[inline]
    pub fn marker(&self) -> Option<Marker> {
        self.data.first().map(|byte| Marker::from_u8(*byte))
    }

    /// The next token.
    pub fn token(&mut self) -> Result<Token<'a>, ReadError> {
        self.next_token()
    }

    /// As `token`, but inlined into the caller, for the few places where that makes a difference.
    #[inline(always)]
    pub fn next_token(&mut self) -> Result<Token<'a>, ReadError> {
        Ok(match Marker::from_u8(self.u8()?) {
            Marker::Null => Token::Nil,
            Marker::True => Token::Bool(true),
            Marker::False => Token::Bool(false),
            Marker::FixPos(value) => Token::UInt(value.into()),
            Marker::FixNeg(value) => Token::Int(value.into()),
            Marker::U8 => Token::UInt(self.u8()?.into()),
            Marker::U16 => Token::UInt(self.u16()?.into()),
            Marker::U32 => Token::UInt(self.u32()?.into()),
            Marker::U64 => Token::UInt(self.array().map(u64::from_be_bytes)?),
            Marker::I8 => Token::Int(self.array().map(i8::from_be_bytes)?.into()),
            Marker::I16 => Token::Int(self.array().map(i16::from_be_bytes)?.into()),
            Marker::I32 => Token::Int(self.array().map(i32::from_be_bytes)?.into()),
            Marker::I64 => Token::Int(self.array().map(i64::from_be_bytes)?),
            Marker::F32 => Token::Float(self.array().map(f32::from_be_bytes)?.into()),
            Marker::F64 => Token::Float(self.array().map(f64::from_be_bytes)?),
            Marker::FixStr(len) => Token::Str(self.bytes(len.into())?),
            Marker::Str8 => {
                let len = self.u8()?;
                Token::Str(self.bytes(len.into())?)
            }
            Marker::Str16 => {
                let len = self.u16()?;
                Token::Str(self.bytes(len.into())?)
            }
            Marker::Str32 => {
                let len = self.u32()?;
                Token::Str(self.bytes(len)?)
            }
            Marker::Bin8 => {
                let len = self.u8()?;
                Token::Bin(self.bytes(len.into())?)
            }
            Marker::Bin16 => {
                let len = self.u16()?;
                Token::Bin(self.bytes(len.into())?)
            }
            Marker::Bin32 => {
                let len = self.u32()?;
                Token::Bin(self.bytes(len)?)
            }
            Marker::FixArray(len) => Token::Array(len.into()),
            Marker::Array16 => Token::Array(self.u16()?.into()),
            Marker::Array32 => Token::Array(self.u32()?),
            Marker::FixMap(len) => Token::Map(len.into()),
            Marker::Map16 => Token::Map(self.u16()?.into()),
            Marker::Map32 => Token::Map(self.u32()?),
            Marker::FixExt1 => self.ext(1)?,
            Marker::FixExt2 => self.ext(2)?,
            Marker::FixExt4 => self.ext(4)?,
            Marker::FixExt8 => self.ext(8)?,
            Marker::FixExt16 => self.ext(16)?,
            Marker::Ext8 => {
                let len = self.u8()?;
                self.ext(len.into())?
            }
            Marker::Ext16 => {
                let len = self.u16()?;
                self.ext(len.into())?
            }
            Marker::Ext32 => {
                let len = self.u32()?;
                self.ext(len)?
            }
            Marker::Reserved => return Err(ReadError::Reserved),
        })
    }
}
