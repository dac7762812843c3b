import * as echarts from 'echarts'
import type { Chart } from './section.js'

const SIZE = { width: 880, height: 380 }

/** Draws a chart as SVG, with a white background, so that it is readable on any page. */
export const drawChart = ({ title, yAxis, lines }: Chart): string => {
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, ...SIZE })
  const receivers = [...new Set(lines.flatMap(({ points }) => points.map(([x]) => x)))].sort((a, b) => a - b)
  const at = (points: readonly (readonly [number, number])[], x: number): number | null =>
    points.find(([wanted]) => wanted === x)?.[1] ?? null
  chart.setOption({
    animation: false,
    backgroundColor: '#fff',
    title: { text: title, left: 64, top: 8, textStyle: { fontSize: 15 } },
    // beside the chart: without a canvas echarts does not know the width of text, and names in a row would overlap
    legend: { orient: 'vertical', left: 648, top: 56, itemGap: 14 },
    grid: { left: 72, right: 256, top: 48, bottom: 52 },
    xAxis: {
      type: 'category',
      data: receivers.map(String),
      boundaryGap: false,
      name: 'receivers',
      nameLocation: 'middle',
      nameGap: 28,
    },
    yAxis: { type: 'value', name: yAxis, nameLocation: 'middle', nameGap: 48, min: 0 },
    series: lines.map(({ name, points }) => ({
      name,
      type: 'line',
      symbolSize: 7,
      data: receivers.map((x) => at(points, x)),
    })),
  })
  const svg = chart.renderToSVGString()
  // otherwise its timers keep the process alive
  chart.dispose()
  return `${svg}\n`
}
