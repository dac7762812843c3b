import type { Transform } from 'node:stream'
import zlib from 'node:zlib'
import { usageError } from '../shell/usage.js'

export type Compression = 'gzip' | 'zstd'

const GZIP = Buffer.from([0x1f, 0x8b])
const ZSTD = Buffer.from([0x28, 0xb5, 0x2f, 0xfd])

/** How many first bytes of a file show its compression. */
export const MAGIC_BYTES = 4

/** The compression, by the first bytes of a file. */
export const compressionOf = (start: Uint8Array): Compression | undefined => {
  const bytes = Buffer.from(start)
  if (bytes.subarray(0, GZIP.length).equals(GZIP)) return 'gzip'
  return bytes.subarray(0, ZSTD.length).equals(ZSTD) ? 'zstd' : undefined
}

/** The compression, by a file's name. */
export const compressionNamed = (path: string): Compression | undefined => {
  if (/\.gz$/i.test(path)) return 'gzip'
  return /\.zst$/i.test(path) ? 'zstd' : undefined
}

/** Node has zstd from 22.15 on. */
const { createZstdCompress, createZstdDecompress } = zlib as typeof zlib & {
  readonly createZstdCompress?: () => Transform
  readonly createZstdDecompress?: () => Transform
}

const zstd = (make: (() => Transform) | undefined, path: string, instead: string): Transform => {
  if (make !== undefined) return make()
  throw usageError(
    `${path}: this Node (${process.version}) has no zstd; use Node 22.15 or newer, gzip, or the zstd program: ${instead}`,
  )
}

/** @throws CopyError COPY_OPTION for zstd where Node has none */
export const decompressor = (compression: Compression, path: string): Transform =>
  compression === 'gzip'
    ? zlib.createGunzip()
    : zstd(createZstdDecompress, path, `zstd -dc ${path} | copyman copy --file -`)

/** @throws CopyError COPY_OPTION for zstd where Node has none */
export const compressor = (compression: Compression, path: string): Transform =>
  compression === 'gzip'
    ? zlib.createGzip({ level: 1 })
    : zstd(createZstdCompress, path, `copyman copy … --to file:- | zstd > ${path}`)

/** @throws CopyError COPY_OPTION when this Node lacks the compression that the file's name asks for */
export const requireCompression = (path: string): void => {
  const compression = compressionNamed(path)
  if (compression === 'zstd') compressor(compression, path).destroy()
}
