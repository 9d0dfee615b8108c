import {createRequire} from 'node:module';
import type {CompilerOptions} from './tsconfig.ts';

/** One file of TypeScript, and how it is compiled. */
export interface Source {
  readonly file: string;
  readonly text: string;
  readonly format: 'module' | 'commonjs';
  readonly options: CompilerOptions;
}

/** Gives JavaScript, with its source map in it. */
export type Transform = (source: Source) => string;

/** What can compile TypeScript with decorators, the best first, with what makes a compiler of it. */
export const engines: Readonly<Record<string, (engine: never) => Transform>> = {
  '@swc/core': bySwc,
  esbuild: byEsbuild,
  '@swc/wasm': bySwc,
  typescript: byTypeScript,
};

/** The compiler that an engine is, from the place where it is installed. */
export function transformBy(engine: string, place: string): Transform {
  return engines[engine]!(createRequire(place)(place) as never);
}

interface Swc {
  transformSync(text: string, options: object): {code: string};
}

function bySwc(swc: Swc): Transform {
  return ({file, text, format, options}) => {
    const transform = {
      // The version is of the standard dialect, which it would choose.
      ...(options['experimentalDecorators'] === true
        ? {legacyDecorator: true, decoratorMetadata: options['emitDecoratorMetadata'] === true}
        : {decoratorVersion: '2022-03'}),
      useDefineForClassFields: definesFields(options),
      ...(file.endsWith('x') && {react: {runtime: 'automatic', importSource: options['jsxImportSource']}}),
    };
    const parser = {syntax: 'typescript', tsx: file.endsWith('x'), decorators: true};
    return swc.transformSync(text, {
      filename: file,
      swcrc: false,
      configFile: false,
      sourceMaps: 'inline',
      module: {type: format === 'module' ? 'es6' : 'commonjs'},
      jsc: {parser, transform, target: 'es2022', keepClassNames: true},
    }).code;
  };
}

interface Esbuild {
  transformSync(text: string, options: object): {code: string};
}

function byEsbuild(esbuild: Esbuild): Transform {
  return ({file, text, format, options}) =>
    esbuild.transformSync(text, {
      sourcefile: file,
      loader: file.endsWith('x') ? 'tsx' : 'ts',
      format: format === 'module' ? 'esm' : 'cjs',
      target: 'es2022',
      sourcemap: 'inline',
      keepNames: true,
      logLevel: 'silent',
      tsconfigRaw: {compilerOptions: {...options, useDefineForClassFields: definesFields(options)}},
    }).code;
}

interface TypeScript {
  transpileModule(text: string, options: object): {outputText: string; diagnostics: readonly object[]};
  formatDiagnostic(diagnostic: object, host: object): string;
  convertCompilerOptionsFromJson(options: object, folder: string): {options: object};
}

const kept = new Set(['experimentalDecorators', 'emitDecoratorMetadata', 'jsx', 'jsxImportSource']);

function byTypeScript(typescript: TypeScript): Transform {
  return ({file, text, format, options}) => {
    const given = Object.fromEntries(Object.entries(options).filter(([name]) => kept.has(name)));
    const {options: compilerOptions} = typescript.convertCompilerOptionsFromJson(
      {
        ...given,
        useDefineForClassFields: definesFields(options),
        target: 'es2022',
        module: format === 'module' ? 'esnext' : 'commonjs',
        inlineSourceMap: true,
        inlineSources: true,
      },
      '.',
    );
    const {outputText, diagnostics} = typescript.transpileModule(text, {
      compilerOptions,
      fileName: file,
      reportDiagnostics: true,
    });
    const [fault] = diagnostics;
    const host = {getCurrentDirectory: () => '', getCanonicalFileName: (name: string) => name, getNewLine: () => '\n'};
    if (fault) throw new SyntaxError(typescript.formatDiagnostic(fault, host).trim());
    return outputText;
  };
}

/** Whether fields are defined, as JavaScript has it, or assigned, as TypeScript had it before ES2022. */
function definesFields({useDefineForClassFields: isSaid, target = 'esnext'}: CompilerOptions): boolean {
  if (typeof isSaid === 'boolean') return isSaid;
  return !/^es(?:3|5|6|20(?:1\d|2[01]))$/i.test(String(target));
}
