//! From the bytes of a connection to requests: [`FrameReader`]; and from a response to bytes: [`response`], [`request`].
//!
//! Invariants: `announced.is_some()` implies `MIN_FRAME_BYTES <= announced.size <= max_bytes`; `admitted` implies
//! `announced.is_some()`.

use bytes::{Bytes, BytesMut};
use thiserror::Error;

use super::messages::{RequestHeader, ResponseHeader};
use super::{ApiKey, DecodeError, EncodeError, Encoded, Message, Reader, Str, Writer};

/// API key, version and correlation id.
const MIN_FRAME_BYTES: usize = 8;
const SIZE_BYTES: usize = 4;

/// Why a connection must be closed: after any of these its bytes mean nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FrameError {
    #[error("a frame of {size} bytes; at most {max} are allowed (socket.request.max.bytes)")]
    TooLarge { size: i32, max: usize },
    #[error("a frame of {size} bytes, which is not a request")]
    TooSmall { size: i32 },
    #[error("no API has key {0}")]
    UnknownApi(i16),
    #[error("request header: {0}")]
    Header(#[from] DecodeError),
}

/// What the first 12 bytes of a frame tell, before memory is given to the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announced {
    /// Bytes of the frame after its size field.
    pub size: usize,
    pub api_key: i16,
    pub api_version: i16,
    pub correlation_id: i32,
}

/// A request as it arrived: its body is not decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub api: ApiKey,
    /// May be one that the codec does not have, see [`Frame::is_known_version`].
    pub version: i16,
    pub correlation_id: i32,
    pub client_id: Option<Str>,
    pub body: Bytes,
    /// Bytes that the frame took from the connection, its size field included.
    pub wire_bytes: usize,
}

/// What [`FrameReader::step`] wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Receive so many further bytes at least, then step again.
    Need(usize),
    /// Take memory credit for the frame, then call [`FrameReader::admit`] and step again.
    Admit(Announced),
    Request(Frame),
    /// The body of a frame that has no header, see [`FrameReader::expect_token`].
    Token(Bytes),
}

/// Cuts what a connection received into frames. It does no I/O: the caller appends to the buffer that it passes to `step`.
#[derive(Debug)]
pub struct FrameReader {
    /// `socket.request.max.bytes`.
    max_bytes: usize,
    announced: Option<Announced>,
    admitted: bool,
    token: bool,
}

impl FrameReader {
    pub fn new(max_bytes: usize) -> Self {
        Self { max_bytes, announced: None, admitted: false, token: false }
    }

    /// Checks the invariants in this module's head.
    pub fn check(&self) {
        assert!(!self.admitted || self.announced.is_some());
        assert!(self.announced.is_none_or(|a| (MIN_FRAME_BYTES..=self.max_bytes).contains(&a.size)));
    }

    /// Memory for the announced frame is there.
    pub fn admit(&mut self) {
        assert!(self.announced.is_some(), "only an announced frame is admitted");
        self.admitted = true;
    }

    /// The next frame is a bare SASL token, as after `SaslHandshake` v0. It is for the next frame only.
    pub fn expect_token(&mut self) {
        assert!(self.announced.is_none(), "a frame is already on its way");
        self.token = true;
    }

    /// Looks at `received`, all bytes that came and were not yet taken, and takes one frame if it is complete and admitted.
    /// After an error the connection is to be closed.
    pub fn step(&mut self, received: &mut BytesMut) -> Result<Step, FrameError> {
        if self.token {
            return self.token(received);
        }
        let announced = match self.announced {
            Some(announced) => announced,
            None => match announcement(received, self.max_bytes)? {
                Ok(announced) => *self.announced.insert(announced),
                Err(missing) => return Ok(Step::Need(missing)),
            },
        };
        if !self.admitted {
            return Ok(Step::Admit(announced));
        }
        if received.len() < SIZE_BYTES + announced.size {
            return Ok(Step::Need(SIZE_BYTES + announced.size - received.len()));
        }
        (self.announced, self.admitted) = (None, false);
        let frame = received.split_to(SIZE_BYTES + announced.size).freeze().slice(SIZE_BYTES..);
        Frame::open(frame).map(Step::Request)
    }

    fn token(&mut self, received: &mut BytesMut) -> Result<Step, FrameError> {
        let Some(size) = frame_size(received, 0, self.max_bytes)? else {
            return Ok(Step::Need(SIZE_BYTES - received.len()));
        };
        if received.len() < SIZE_BYTES + size {
            return Ok(Step::Need(SIZE_BYTES + size - received.len()));
        }
        self.token = false;
        Ok(Step::Token(received.split_to(SIZE_BYTES + size).freeze().slice(SIZE_BYTES..)))
    }
}

/// A checked frame size, once its four bytes are there.
fn frame_size(received: &[u8], min: usize, max: usize) -> Result<Option<usize>, FrameError> {
    let Some(bytes) = received.first_chunk::<SIZE_BYTES>() else {
        return Ok(None);
    };
    let size = i32::from_be_bytes(*bytes);
    match usize::try_from(size) {
        Ok(bytes) if bytes > max => Err(FrameError::TooLarge { size, max }),
        Ok(bytes) if bytes >= min => Ok(Some(bytes)),
        _ => Err(FrameError::TooSmall { size }),
    }
}

/// What a frame's beginning says, or how many bytes of it are missing. A wrong size is told before anything else is read.
fn announcement(received: &[u8], max: usize) -> Result<Result<Announced, usize>, FrameError> {
    let size = frame_size(received, MIN_FRAME_BYTES, max)?;
    let (Some(size), Some(head)) = (size, received.first_chunk::<{ SIZE_BYTES + MIN_FRAME_BYTES }>()) else {
        return Ok(Err(SIZE_BYTES + MIN_FRAME_BYTES - received.len()));
    };
    let [_, _, _, _, k0, k1, v0, v1, c0, c1, c2, c3] = *head;
    Ok(Ok(Announced {
        size,
        api_key: i16::from_be_bytes([k0, k1]),
        api_version: i16::from_be_bytes([v0, v1]),
        correlation_id: i32::from_be_bytes([c0, c1, c2, c3]),
    }))
}

impl Frame {
    /// Reads the header of a frame that came without its size field.
    pub fn open(frame: Bytes) -> Result<Self, FrameError> {
        let wire_bytes = SIZE_BYTES + frame.len();
        let mut peek = Reader::new(frame.clone());
        let (key, version) = (peek.i16(), peek.i16());
        peek.status()?;
        let api = ApiKey::from_i16(key).ok_or(FrameError::UnknownApi(key))?;
        let (header, body) = RequestHeader::read_prefix(api.request_header_version(version), frame)?;
        Ok(Self {
            api,
            version,
            correlation_id: header.correlation_id,
            client_id: header.client_id,
            body,
            wire_bytes,
        })
    }

    /// Whether the codec can decode the body.
    pub fn is_known_version(&self) -> bool {
        self.api.versions().contains(self.version)
    }

    /// Decodes the body. What follows it is ignored, as Kafka does.
    pub fn decode<R: super::Request>(&self) -> Result<R, DecodeError> {
        self.decode_sized().map(|(request, _)| request)
    }

    /// As [`Frame::decode`], with the bytes of memory that the request takes at most beside the frame.
    pub fn decode_sized<R: super::Request>(&self) -> Result<(R, usize), DecodeError> {
        assert!(R::KEY == self.api, "{} is not {}", R::NAME, self.api.name());
        if !R::has_version(self.version) {
            return Err(DecodeError::Version { message: R::NAME, version: self.version });
        }
        let mut reader = Reader::new(self.body.clone());
        let request = R::decode(self.version, &mut reader);
        reader.status()?;
        Ok((request, reader.heap()))
    }
}

/// A whole response frame: size, header, body.
pub fn response<M: Message>(
    api: ApiKey,
    version: i16,
    correlation_id: i32,
    body: &M,
) -> Result<Encoded, EncodeError> {
    let header = ResponseHeader { correlation_id, ..ResponseHeader::default() };
    let mut writer = Writer::new();
    writer.i32(0); // The size, known at the end.
    header.write_to(api.response_header_version(version), &mut writer);
    body.write_to(version, &mut writer);
    writer.finish_frame()
}

/// A whole request frame, for peers and clients of our own.
pub fn request<R: super::Request>(
    version: i16,
    correlation_id: i32,
    client_id: Option<Str>,
    body: &R,
) -> Result<Encoded, EncodeError> {
    let header = RequestHeader {
        request_api_key: R::KEY as i16,
        request_api_version: version,
        correlation_id,
        client_id,
        ..RequestHeader::default()
    };
    let mut writer = Writer::new();
    writer.i32(0); // The size, known at the end.
    header.write_to(R::KEY.request_header_version(version), &mut writer);
    body.write_to(version, &mut writer);
    writer.finish_frame()
}

/// Reads a response frame that came without its size field: its correlation id and its body.
pub fn read_response<R: super::Request>(
    version: i16,
    frame: Bytes,
) -> Result<(i32, R::Response), DecodeError> {
    let (header, body) = ResponseHeader::read_prefix(R::KEY.response_header_version(version), frame)?;
    let (body, _) = R::Response::read_prefix(version, body)?;
    Ok((header.correlation_id, body))
}

#[cfg(test)]
mod tests {
    use super::super::messages::{ApiVersionsRequest, ApiVersionsResponse, MetadataRequest, ProduceRequest};
    use super::*;

    const MAX: usize = 1000;

    /// Feeds `bytes` in pieces of `piece` bytes, admitting everything, until no step is left.
    fn steps(bytes: &[u8], piece: usize) -> Result<Vec<Frame>, FrameError> {
        let (mut reader, mut received, mut frames) = (FrameReader::new(MAX), BytesMut::new(), Vec::new());
        for part in bytes.chunks(piece) {
            received.extend_from_slice(part);
            loop {
                let step = reader.step(&mut received)?;
                reader.check();
                match step {
                    Step::Need(more) => {
                        assert!(more > 0);
                        break;
                    }
                    Step::Admit(_) => reader.admit(),
                    Step::Request(frame) => frames.push(frame),
                    Step::Token(_) => panic!("no token was expected"),
                }
            }
        }
        Ok(frames)
    }

    fn two_requests() -> Vec<u8> {
        let client = Some(Str::from("häß"));
        let versions =
            ApiVersionsRequest { client_software_name: "x".into(), ..ApiVersionsRequest::default() };
        let first = request(4, 7, client.clone(), &versions).expect("can be written");
        let second = request(1, -1, None, &MetadataRequest::default()).expect("can be written");
        [first.contiguous(), second.contiguous()].concat()
    }

    #[test]
    fn frames_are_the_same_however_they_arrive() {
        let bytes = two_requests();
        let whole = steps(&bytes, bytes.len()).expect("two frames");
        let [first, second] = &whole[..] else { panic!("{whole:?}") };
        assert_eq!((first.api, first.version, first.correlation_id), (ApiKey::ApiVersions, 4, 7));
        assert_eq!(first.client_id.as_deref(), Some("häß"));
        assert_eq!((second.api, second.client_id.clone()), (ApiKey::Metadata, None));
        assert_eq!(first.wire_bytes + second.wire_bytes, bytes.len());
        assert_eq!(first.decode::<ApiVersionsRequest>().expect("a request").client_software_name, "x");
        for piece in 1..bytes.len() {
            assert_eq!(steps(&bytes, piece).as_ref(), Ok(&whole));
        }
    }

    #[test]
    fn a_frame_waits_for_admission_and_says_what_is_missing() {
        let bytes = two_requests();
        let mut reader = FrameReader::new(MAX);
        let mut received = BytesMut::from(&bytes[..3]);
        assert_eq!(reader.step(&mut received), Ok(Step::Need(9)));
        received.extend_from_slice(&bytes[3..12]);
        let size = i32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize;
        let announced = Announced { size, api_key: 18, api_version: 4, correlation_id: 7 };
        assert_eq!(reader.step(&mut received), Ok(Step::Admit(announced)));
        received.extend_from_slice(&bytes[12..]);
        assert_eq!(reader.step(&mut received), Ok(Step::Admit(announced)), "all is there, but not admitted");
        reader.admit();
        assert!(matches!(reader.step(&mut received), Ok(Step::Request(_))));
    }

    #[test]
    fn wrong_sizes_and_headers_are_refused_at_once() {
        let refuse = |bytes: &[u8]| steps(bytes, bytes.len()).unwrap_err();
        assert_eq!(refuse(&1001_i32.to_be_bytes()), FrameError::TooLarge { size: 1001, max: MAX });
        assert_eq!(refuse(&(-1_i32).to_be_bytes()), FrameError::TooSmall { size: -1 });
        assert_eq!(refuse(&7_i32.to_be_bytes()), FrameError::TooSmall { size: 7 });
        // "GET / HTT" is a frame of a gigabyte.
        assert!(matches!(refuse(b"GET / HTTP/1.1"), FrameError::TooLarge { .. }));
        assert_eq!(refuse(&[0, 0, 0, 8, 0, 4, 0, 0, 0, 0, 0, 0]), FrameError::UnknownApi(4));
        let short = DecodeError::Short { at: 8, needed: 2, left: 0 };
        assert_eq!(refuse(&[0, 0, 0, 8, 0, 3, 0, 0, 0, 0, 0, 0]), FrameError::Header(short));
    }

    #[test]
    fn a_token_has_no_header() {
        let mut reader = FrameReader::new(MAX);
        reader.expect_token();
        let mut received = BytesMut::from(&[0, 0, 0][..]);
        assert_eq!(reader.step(&mut received), Ok(Step::Need(1)));
        received.extend_from_slice(&[2, 5]);
        assert_eq!(reader.step(&mut received), Ok(Step::Need(1)));
        received.extend_from_slice(&[6]);
        assert_eq!(reader.step(&mut received), Ok(Step::Token(Bytes::from_static(&[5, 6]))));
        received.extend_from_slice(&two_requests());
        assert!(matches!(reader.step(&mut received), Ok(Step::Admit(_))));
    }

    #[test]
    fn the_size_of_a_response_is_what_follows_it() {
        let body = ApiVersionsResponse::default();
        for (version, header) in [(0, 4), (3, 4), (4, 4)] {
            let encoded =
                response(ApiKey::ApiVersions, version, 9, &body).expect("can be written").contiguous();
            let alone = body.write(version).expect("can be written");
            assert_eq!(encoded.len(), 4 + header + alone.len(), "the header has no tags in any version");
            assert_eq!(encoded[..4], (encoded.len() as i32 - 4).to_be_bytes());
            let (id, again) =
                read_response::<ApiVersionsRequest>(version, encoded.slice(4..)).expect("a response");
            assert_eq!((id, &again), (9, &body));
        }
        assert_eq!(ApiKey::Produce.response_header_version(8), 0);
        assert_eq!(ApiKey::Produce.response_header_version(9), 1);
        let error = response(ApiKey::Metadata, 99, 1, &MetadataRequest::default()).unwrap_err();
        assert_eq!(error, EncodeError::Version { message: "MetadataRequest", version: 99 });
    }

    #[test]
    fn an_unknown_version_has_a_header_and_no_body() {
        let mut bytes = two_requests();
        bytes[6..8].copy_from_slice(&99_i16.to_be_bytes());
        let frames = steps(&bytes, bytes.len()).expect("the header is that of the newest version");
        assert!(!frames[0].is_known_version());
        assert!(frames[1].is_known_version());
        assert!(frames[0].decode::<ApiVersionsRequest>().is_err());
        assert!(!ApiKey::Produce.versions().contains(0), "advertised, but refused");
        assert!(ApiKey::Produce.advertised().is_some_and(|range| range.contains(0)));
        assert_eq!(ProduceRequest::MIN_VERSION, 3);
    }
}
