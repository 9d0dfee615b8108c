import {Child, Get, Resource, Use} from 'espalier';
import {cors, openApi} from 'espalier/builtin';
import {NoteList} from './note-resources.ts';

const origins = process.env['CORS_ORIGINS']?.split(',') ?? [];

@Resource()
@Use(cors({origins}))
@Child('notes', NoteList)
@Child('docs', openApi({info: {title: '{{name}}', version: '1.0.0'}}))
export class Api {
  @Get()
  show() {
    return {notes: '/notes', docs: '/docs'};
  }
}
