import {isLive, type FormerId, type SessionRecord} from '../../src/session/store/contract.ts';

/** The live session that a uid stands for. */
export function live(found: SessionRecord | FormerId | undefined): SessionRecord {
  if (isLive(found)) return found;
  throw new Error(`There is no live session: ${JSON.stringify(found)}`);
}
