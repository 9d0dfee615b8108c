import {look} from './load.ts';
import {print} from './output.ts';

export async function tree(file: string, _options: {json?: true}): Promise<void> {
  const {Root} = await look(file);
  print(Root.name);
}
