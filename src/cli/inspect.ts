import {fitting} from '../options.ts';
import {inspectSite, siteKinds, type Inspection, type SiteOptions} from '../site.ts';
import {look} from './load.ts';

type Grown = NonNullable<Inspection['site']>;

/**
 * What a program serves, with nothing made of it. What is refused in it keeps nothing back that is there: it is told on stderr how to
 * see that. Throws the refusal where there is nothing to see.
 */
export async function inspect(file: string): Promise<Grown & {readonly file: string}> {
  const {Root, options, place, ...program} = await look(file);
  const {site, refusals} = inspectSite(Root, fitting<SiteOptions>(options, siteKinds), place);
  if (!site) throw refusals[0];
  if (refusals.length > 0) process.stderr.write(`Not all of this can be served: espalier check ${file} says why.\n`);
  return {...site, file: program.file};
}
