// Asks on a terminal for what the command line has not said.
import {cancel, confirm, intro, isCancel, select, text} from '@clack/prompts';
import {faultOf, packageManager, templates} from './make.js';

/** Asks; ends the process where the person has had enough. */
export async function ask({name, template, install, git, ...rest}) {
  intro('A new site with Espalier');
  return {
    ...rest,
    name:
      name ??
      (await answer(text({message: 'Name of the folder', defaultValue: 'my-site', placeholder: 'my-site', validate}))),
    template: template ?? (await answer(select({message: 'What to begin with', options: choices}))),
    install: install ?? (await answer(confirm({message: `Run ${packageManager()} install now?`}))),
    git: git ?? (await answer(confirm({message: 'Begin a git repository?'}))),
  };
}

const choices = Object.entries(templates).map(([value, hint]) => ({value, label: value, hint}));

const validate = name => faultOf(name || 'my-site');

async function answer(question) {
  const given = await question;
  if (!isCancel(given)) return given;
  cancel('Nothing was made.');
  return process.exit(1);
}
