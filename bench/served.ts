// The site as its own server answers.
import {serve} from '../src/index.ts';
import {options} from './equipment.ts';
import {Root} from './site.ts';

await serve(Root, options);
