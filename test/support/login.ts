import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import { type ConnectionInput, CopyError, copy } from '../../src/index.js'
import { bounded, failureOf } from './story.js'

/** A copy that reads its table `t` over the connection. */
export const asSource = (connection: ConnectionInput): Promise<unknown> =>
  copy({
    from: { connection, statement: 'COPY t TO STDOUT' },
    to: [() => {}],
    signal: bounded(),
  })

/** A copy that loads one row into the table `t` over the connection. */
export const asTarget = (connection: ConnectionInput): Promise<unknown> =>
  copy({
    from: ['a row\n'],
    to: [{ connection, statement: 'COPY t FROM STDIN' }],
    signal: bounded(),
  })

/**
 * Gives a function that returns the fault of a copy which must fail, without the errors of the copy around that fault.
 * No error may show the password.
 */
export const faultsWithout =
  (password: string) =>
  async (work: Promise<unknown>): Promise<CopyError> => {
    const error = await failureOf(work)
    assert.ok(!inspect(error, { depth: 20, showHidden: true }).includes(password), 'the password is shown')
    let fault = error
    while (
      fault instanceof CopyError &&
      fault.cause instanceof CopyError &&
      /_(FAILED|FAULT)$/.test(fault.code)
    )
      fault = fault.cause
    assert.ok(fault instanceof CopyError, inspect(error))
    return fault
  }
