// The deframing kernel: AssemblyScript, compiled to dist/src/kernel/deframe.wasm by `npm run build`.
//
// It strips the 5-byte headers of CopyData frames ('d', int32 length that counts itself) from bytes of a COPY OUT
// stream and closes the gaps, so that the payload of many rows lies contiguous. `dst` may lie before `src` in the
// same slot (in place) or anywhere else, but never inside [src, end). When the bytes end inside a header or a body, the
// kernel remembers how much of it has come, so a stream may be cut anywhere.
//
// It reads only [src, end) and writes only [dst, limit), whatever length a server sends.

/** Why the last call of deframe returned. Kept in step with src/main/ring/deframer.ts. */
const CONSUMED: i32 = 0 // all of [src, end) was taken
const MESSAGE: i32 = 1 // the returned address holds the type byte of a message that is not CopyData
const BAD_LENGTH: i32 = 2 // a CopyData header said a length below 4 (as a signed number)
const NO_ROOM: i32 = 3 // [dst, limit) is full; the returned address is the first byte not taken

const COPY_DATA: u8 = 0x64 // 'd'
const HEADER_BYTES: u32 = 5

/** Address after the last payload byte written. */
export let out: u32 = 0
/** Address after the last payload byte of the last whole row; the caller's `mark` when no row ended. */
export let rowEnd: u32 = 0
/** Rows that ended in the last call. */
export let rows: u32 = 0
export let stop: i32 = CONSUMED
/** The length field of the refused header, for the error text. */
export let badLength: i32 = 0

/** Payload bytes of the current frame that are still to come. */
let left: u32 = 0
/** Bytes of a cut header that have come, 0 to 4; the first of them was 'd'. */
let have: u32 = 0
let partialLength: u32 = 0

export function reset(): void {
  left = 0
  have = 0
  partialLength = 0
}

/** memory.copy for the ring's writer, which moves an unfinished row to the next slot: JavaScript's copy in shared memory is slow. */
export function move(dst: u32, src: u32, bytes: u32): void {
  memory.copy(dst, src, bytes)
}

/** Above this memory.copy is faster: it leaves the module, which costs as much as the copy of a short row. */
const SHORT_BYTES: u32 = 512

/**
 * Copies a short row from its first byte on. Correct wherever `dst` may lie: a store overwrites only bytes that were loaded
 * before.
 */
// @ts-ignore: decorator
@inline
function copyShort(dst: u32, src: u32, bytes: u32): void {
  let p = src
  let o = dst
  let rest = bytes
  while (rest >= 16) {
    v128.store(o, v128.load(p))
    p += 16
    o += 16
    rest -= 16
  }
  if (rest & 8) {
    store<u64>(o, load<u64>(p))
    p += 8
    o += 8
  }
  if (rest & 4) {
    store<u32>(o, load<u32>(p))
    p += 4
    o += 4
  }
  if (rest & 2) {
    store<u16>(o, load<u16>(p))
    p += 2
    o += 2
  }
  if (rest & 1) store<u8>(o, load<u8>(p))
}

export function deframe(src: u32, end: u32, dst: u32, limit: u32, mark: u32): u32 {
  let p = src
  let o = dst
  let e = mark
  let n: u32 = 0
  let body = left
  stop = CONSUMED
  for (;;) {
    if (body != 0) {
      let take = min(body, min(end - p, limit - o))
      if (take <= SHORT_BYTES) copyShort(o, p, take)
      else if (o != p) memory.copy(o, p, take)
      o += take
      p += take
      body -= take
      if (body != 0) {
        if (p != end) stop = NO_ROOM
        break
      }
      n += 1
      e = o
    }
    let length: u32
    if (have == 0 && end - p >= HEADER_BYTES) {
      if (load<u8>(p) != COPY_DATA) {
        stop = MESSAGE
        break
      }
      length = bswap(load<u32>(p, 1))
      p += HEADER_BYTES
    } else {
      if (p == end) break
      if (have == 0) {
        if (load<u8>(p) != COPY_DATA) {
          stop = MESSAGE
          break
        }
        have = 1
        partialLength = 0
        p += 1
      }
      while (have < HEADER_BYTES && p != end) {
        partialLength = (partialLength << 8) | load<u8>(p)
        have += 1
        p += 1
      }
      if (have < HEADER_BYTES) break
      have = 0
      length = partialLength
    }
    if (<i32>length < 4) {
      badLength = <i32>length
      stop = BAD_LENGTH
      break
    }
    body = length - 4
    if (body == 0) {
      n += 1
      e = o
    }
  }
  left = body
  out = o
  rowEnd = e
  rows = n
  return p
}
