/**
 * Draws the figures that stand in the page. Runs in a browser, on its own: no modules, nothing is fetched. Amounts are
 * text; they become numbers here because a pixel is one.
 */
;(() => {
  const data = JSON.parse(document.getElementById('data').textContent)
  const numbers = name => data.series[name].map(Number)
  const YEAR_DAYS = 365

  const perGpu = (names, price) =>
    data.gpus.map((gpus, index) => {
      const io = names.reduce((sum, name) => sum + Number(data.series[name][index]), 0)
      const usd = Number(data.series.price[index])
      return Number(gpus) === 0 || (price && usd === 0) ? null : (io * (price ? usd : 1)) / Number(gpus)
    })
  const constant = value => data.days.map(() => value)
  const INCOME = ['availabilityPaid', 'hiresPaid', 'workersPaid']
  const line = (label, colour, values, more = {}) => ({ label, colour, values, ...more })

  const CHARTS = [
    {
      title: 'Supply against the maximum',
      unit: 'IO',
      lines: [
        line('maximum', 'maximum', constant(Number(data.maximum)), { dash: [6, 4] }),
        line('genesis and schedule', 'scheduled', numbers('scheduledSoFar')),
        line('supply', 'net', numbers('supply'), { fill: true }),
        line('reserve', 'reserve', numbers('reserve')),
      ],
    },
    {
      title: 'Emission',
      unit: 'IO a day',
      lines: [
        line('scheduled', 'scheduled', numbers('scheduled'), { fill: true }),
        line('released from the reserve', 'reserve', numbers('released')),
        line('net', 'net', numbers('net')),
      ],
    },
    {
      title: 'Burned',
      unit: 'IO a day',
      log: true,
      lines: [
        line('burned', 'burned', numbers('burned')),
        line('minted again (net emission)', 'net', numbers('net')),
        line('its cap', 'maximum', numbers('netCap'), { dash: [6, 4] }),
      ],
    },
    {
      title: 'Price',
      unit: 'USD',
      log: true,
      lines: [line('highest certified of the last epoch', 'price', numbers('price'))],
    },
    {
      title: 'Suppliers',
      unit: 'GPUs',
      lines: [line('connected and proven', 'price', data.gpus.map(Number))],
    },
    {
      title: 'Income of suppliers',
      unit: 'IO a day',
      stacked: true,
      lines: [
        line('availability', 'scheduled', numbers('availabilityPaid')),
        line('hires in IOSD', 'hires', numbers('hiresPaid')),
        line('inferences in IO', 'paid', numbers('workersPaid')),
      ],
    },
    {
      title: 'Income of one GPU',
      unit: 'USD a day',
      lines: [
        line('all', 'price', perGpu(INCOME, true)),
        line('of it from the pool', 'scheduled', perGpu(['availabilityPaid', 'hiresPaid'], true)),
      ],
    },
    {
      title: 'Hires in IOSD: asked for and paid',
      unit: 'IO a day',
      log: true,
      lines: [
        line('what was spent, less the hire tax', 'burned', numbers('hiresClaimed')),
        line('paid from the pool', 'hires', numbers('hiresPaid')),
      ],
    },
    {
      title: 'IOSD, and what waits',
      unit: 'IOSD; fees: IO paid',
      lines: [
        line('IOSD there is', 'net', numbers('iosdSupply'), { fill: true }),
        line('hires not settled yet', 'burned', numbers('hiresWaiting')),
        line('paid, fee not taken yet (IO)', 'maximum', numbers('paidWithoutFee')),
      ],
    },
  ]

  const DARK = matchMedia('(prefers-color-scheme: dark)')
  const colourOf = name => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()
  const sync = uPlot.sync('time')
  const charts = []

  function element(tag, properties = {}, ...children) {
    const made = Object.assign(document.createElement(tag), properties)
    made.append(...children)
    return made
  }

  function short(value) {
    if (value == null) return '–'
    const size = Math.abs(value)
    for (const [unit, mark] of [
      [1e9, 'G'],
      [1e6, 'M'],
      [1e3, 'k'],
    ]) {
      if (size >= unit) return `${trimmed(value / unit)}${mark}`
    }
    return size === 0 || size >= 1e-3 ? trimmed(value) : value.toExponential(0)
  }

  function trimmed(value) {
    return String(Number(value.toPrecision(3)))
  }

  function long(value) {
    if (value == null) return '–'
    const size = Math.abs(value)
    if (size !== 0 && size < 0.01) return value.toPrecision(3)
    return value.toLocaleString('en', { maximumFractionDigits: size < 100 ? 4 : 0 })
  }

  function whenOf(day) {
    const whole = Math.max(0, Math.ceil(day) - 1)
    return `year ${Math.floor(whole / YEAR_DAYS) + 1}, day ${(whole % YEAR_DAYS) + 1}`
  }

  /** Each line stands on those below it; what is shown under the pointer stays the line's own. */
  function stack(lines) {
    const sums = data.days.map(() => 0)
    return lines.map(({ values }) => values.map((value, index) => (sums[index] += value)))
  }

  /** A logarithm has no zero: there the line breaks. */
  function drawnValues({ lines, stacked, log }) {
    if (stacked) return stack(lines)
    if (log) return lines.map(({ values }) => values.map(value => (value > 0 ? value : null)))
    return lines.map(({ values }) => values)
  }

  function logRange(low, high) {
    if (low == null || high == null || low <= 0) return [0.1, 10]
    if (high / low > 8) return [10 ** Math.floor(Math.log10(low)), 10 ** Math.ceil(Math.log10(high))]
    return [low / 1.3, high * 1.3]
  }

  function shadeSpans(plot) {
    const { ctx, bbox } = plot
    for (const { kind, from, to } of data.spans) {
      const [left, right] = [plot.valToPos(from, 'x', true), plot.valToPos(to, 'x', true)]
      const clipped = [Math.max(left, bbox.left), Math.min(right, bbox.left + bbox.width)]
      if (clipped[1] < clipped[0]) continue
      ctx.fillStyle = colourOf(kind.replace(' ', '-'))
      // At least two pixels: a day of ten years is less.
      ctx.fillRect(clipped[0], bbox.top, Math.max(2, clipped[1] - clipped[0]), bbox.height)
    }
  }

  function draw(chart) {
    const values = drawnValues(chart)
    // uPlot draws in order: of stacked areas the tallest comes first.
    const order = chart.stacked
      ? values.map((_, index) => values.length - 1 - index)
      : values.map((_, index) => index)
    const font = `11px ${getComputedStyle(document.body).fontFamily}`
    const axis = {
      stroke: colourOf('dim'),
      font,
      grid: { stroke: colourOf('line'), width: 1 },
      ticks: { show: false },
    }
    const options = {
      width: chart.holder.clientWidth,
      height: chart.holder.clientHeight,
      legend: { show: false },
      padding: [6, 12, 0, 0],
      cursor: { y: false, sync: { key: sync.key, setSeries: false }, points: { size: 6 } },
      scales: {
        x: { time: false, range: (_, low, high) => [low === data.days[0] ? 0 : low, high] },
        y: chart.log
          ? { distr: 3, range: (_, low, high) => logRange(low, high) }
          : { range: (_plot, _low, high) => [0, Math.max(high ?? 0, 1e-9) * 1.06] },
      },
      axes: [
        {
          ...axis,
          size: 26,
          splits: (_plot, _axis, low, high) => yearSplits(low, high),
          values: (_, days) => days.map(day => axisDay(day, days)),
        },
        {
          ...axis,
          size: 54,
          space: chart.log ? 26 : 34,
          values: (_, marks) => marks.map(mark => (mark == null ? '' : short(mark))),
        },
      ],
      series: [
        {},
        ...order.map(index => {
          const { colour, fill, dash } = chart.lines[index]
          return {
            stroke: colourOf(colour),
            width: 1.4,
            dash,
            fill: chart.stacked || fill ? mixed(colourOf(colour), chart.stacked ? 0.45 : 0.13) : undefined,
            points: { show: false },
            spanGaps: false,
          }
        }),
      ],
      hooks: {
        drawClear: [shadeSpans],
        setCursor: [plot => tell(chart, plot.cursor.idx)],
      },
    }
    chart.plot?.destroy()
    chart.plot = new uPlot(options, [data.days, ...order.map(index => values[index])], chart.holder)
  }

  /** A colour on the panel's, opaque: areas that stand on one another must not shine through. */
  function mixed(colour, part) {
    const [front, back] = [channels(colour), channels(colourOf('panel'))]
    return `rgb(${front.map((channel, index) => Math.round(channel * part + back[index] * (1 - part))).join(' ')})`
  }

  /** `#rgb` or `#rrggbb` → three numbers. */
  function channels(colour) {
    const digits = colour.slice(1)
    const pairs = digits.length === 3 ? [...digits].map(digit => digit + digit) : digits.match(/../g)
    return pairs.map(pair => Number.parseInt(pair, 16))
  }

  function yearSplits(low, high) {
    const years = (high - low) / YEAR_DAYS
    const step = years > 25 ? 5 : years > 12 ? 2 : years > 2 ? 1 : years > 0.5 ? 1 / 5 : 1 / 36.5
    const days = step * YEAR_DAYS
    const marks = []
    for (let day = Math.ceil(low / days) * days; day <= high; day += days) marks.push(Math.round(day))
    return marks
  }

  function axisDay(day, days) {
    const isYears = days.every(mark => mark % YEAR_DAYS === 0)
    return isYears ? `${day / YEAR_DAYS} y` : `day ${day}`
  }

  /** What stands under the pointer; the last day without one. */
  function tell(chart, index) {
    const at = index ?? data.days.length - 1
    chart.when.textContent = whenOf(data.days[at])
    for (const [place, value] of chart.values.entries())
      value.textContent = long(chart.lines[place].values[at])
  }

  function panelOf(chart) {
    chart.holder = element('div', { className: 'plot' })
    chart.when = element('span', { className: 'dim when' })
    chart.values = chart.lines.map(() => element('span'))
    const keys = chart.lines.map(({ label, colour }, index) => {
      const swatch = element('i', { className: 'swatch' })
      swatch.style.background = `var(--${colour})`
      return element(
        'li',
        {},
        swatch,
        element('span', { className: 'dim', textContent: label }),
        chart.values[index],
      )
    })
    const unit = element('span', { className: 'dim', textContent: ` ${chart.unit}` })
    const title = element('h2', {}, chart.title, unit)
    return element(
      'section',
      { className: 'panel' },
      element('div', { className: 'panel-head' }, title, chart.when),
      element('ul', { className: 'keys' }, ...keys),
      chart.holder,
    )
  }

  document.title = `${data.name}: ionet simulate`
  document.querySelector('h1').textContent = data.name
  document.querySelector('.about').textContent = data.about
  const facts = [...data.facts]
  for (const kind of new Set(data.spans.map(span => span.kind))) {
    const days = data.spans.filter(span => span.kind === kind).map(span => `${span.from}–${span.to}`)
    facts.push([`shaded: ${kind}, days`, days.join(', ')])
  }
  document
    .querySelector('.facts')
    .append(
      ...facts.map(([name, value]) =>
        element('div', {}, element('dt', { textContent: name }), element('dd', { textContent: value })),
      ),
    )
  const row = (tag, cells) => element('tr', {}, ...cells.map(cell => element(tag, { textContent: cell })))
  document.querySelector('thead').append(row('th', data.yearHead))
  document.querySelector('tbody').append(...data.years.map(cells => row('td', cells)))

  for (const chart of CHARTS) {
    document.querySelector('.charts').append(panelOf(chart))
    charts.push(chart)
  }
  const drawAll = () => {
    for (const chart of charts) {
      draw(chart)
      tell(chart, null)
    }
  }
  drawAll()
  DARK.addEventListener('change', drawAll)
  new ResizeObserver(() => {
    for (const { plot, holder } of charts)
      plot.setSize({ width: holder.clientWidth, height: holder.clientHeight })
  }).observe(document.querySelector('.charts'))
})()
