import * as echarts from 'echarts'
import type { Chart } from './section.js'

const SIZE = { width: 720, height: 400 }

/** Draws a chart as SVG, on white so that it can be read on any page. */
export const drawChart = ({ title, yAxis, lines }: Chart): string => {
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, ...SIZE })
  chart.setOption({
    animation: false,
    backgroundColor: '#fff',
    title: { text: title, left: 'center', textStyle: { fontSize: 15 } },
    legend: { bottom: 4 },
    grid: { left: 64, right: 24, top: 48, bottom: 72 },
    xAxis: { type: 'log', logBase: 2, name: 'receivers', nameLocation: 'middle', nameGap: 28, min: 1 },
    yAxis: { type: 'value', name: yAxis, nameLocation: 'middle', nameGap: 44, min: 0 },
    series: lines.map(({ name, points }) => ({ name, type: 'line', data: points, symbolSize: 7 })),
  })
  const svg = chart.renderToSVGString()
  // or its timers keep the process alive
  chart.dispose()
  return `${svg}\n`
}
