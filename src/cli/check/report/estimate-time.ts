import type { Estimate, Format } from '../../sql/copy-source.js'

/** Bytes that one target usually takes in a second, measured on one machine only: good enough to tell minutes from hours. */
const BYTES_PER_SECOND: Readonly<Record<Format, number>> = { text: 40e6, csv: 40e6, binary: 70e6 }

/** Seconds that a copy of this size may take. All targets are loaded at the same time, so their number does not matter. */
export const secondsFor = ({ bytes }: Estimate, format: Format): number => bytes / BYTES_PER_SECOND[format]
