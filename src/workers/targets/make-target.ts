import { CopyError } from '../../shared/errors/errors.js'
import type { ReceiverPlan } from '../../shared/messages/messages.js'
import { CallTarget, type SliceCallable } from '../../shared/runner/call-target.js'
import type { Target } from '../../shared/runner/target.js'
import type { ServerEvent } from '../../shared/session/server-events.js'
import { loadStatementTarget } from './load-statement-target.js'
import { NullTarget } from './null-target.js'

/**
 * Builds the target that a plan describes. Modules that the plan does not need are not loaded: starting a thread is most
 * of the cost of a small copy.
 * @throws CopyError COPY_OPTION when a user's module does not export the function
 */
export const makeTarget = async (
  plan: ReceiverPlan,
  event: (event: ServerEvent) => void,
): Promise<Target> => {
  switch (plan.kind) {
    case 'null':
      return new NullTarget()
    case 'statement':
      return new (await loadStatementTarget()).StatementTarget(plan, event)
    case 'module': {
      const module = (await import(plan.url)) as Record<string, unknown>
      const call = module[plan.exportName]
      if (typeof call !== 'function') {
        throw new CopyError(
          'COPY_OPTION',
          `module ${plan.url} exports no function ${JSON.stringify(plan.exportName)}`,
          { phase: 'start' },
        )
      }
      return new CallTarget(call as SliceCallable, plan.zeroCopy)
    }
    default:
      throw new TypeError(`unknown kind of receiver ${JSON.stringify(plan satisfies never)}`)
  }
}
