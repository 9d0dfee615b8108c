import type Negotiator from 'negotiator';
import {onDemand} from '../on-demand.ts';
import type {Request} from './request.ts';

const negotiator = onDemand('negotiator') as () => typeof Negotiator;

/** What a client takes most gladly of these types; of those that it takes as gladly the first; nothing where it takes none. */
export function mediaTypeFor(request: Pick<Request, 'headers'>, types: string[]): string | undefined {
  const Negotiator = negotiator();
  return new Negotiator(request).mediaType(types);
}
