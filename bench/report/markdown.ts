import type { Bar, Section, Table } from './section.js'

const markdownTable = ({ title, head, rows }: Table): string => {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  const lines = [line(head), line(head.map((_, i) => (i === 0 ? '---' : '--:'))), ...rows.map(line)]
  return [...(title === undefined ? [] : [`**${title}**`, '']), ...lines].join('\n')
}

export const barsTable = (bars: readonly Bar[]): string =>
  markdownTable({
    head: ['against', 'bar', 'figure', 'held'],
    rows: bars.map(({ against, bar, figure, isHeld }) => [against, bar, figure, isHeld ? 'yes' : '**no**']),
  })

export const sectionText = ({ title, text, tables, charts }: Section): string =>
  [
    `## ${title}`,
    text,
    ...tables.map(markdownTable),
    ...charts.map(({ name, title }) => `![${title}](charts/${name}.svg)`),
  ].join('\n\n')

export const resultsText = (
  machine: readonly string[],
  command: string,
  sections: readonly Section[],
): string =>
  `${[
    '# Results',
    `\`${command}\` measured these figures and wrote this page.`,
    machine.map((line) => `- ${line}`).join('\n'),
    ...sections.map(sectionText),
    '## The bars',
    barsTable(sections.flatMap(({ bars }) => bars)),
  ].join('\n\n')}\n`
