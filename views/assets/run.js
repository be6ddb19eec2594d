/* Keys of a run's page, and following its log. The page works without it. */
(() => {
  const all = (selector) => [...document.querySelectorAll(selector)]

  // Follow: the log stays at its end while it is pressed; scrolling up releases it
  for (const button of all('[data-follow]')) button.hidden = false
  const logOf = (kind) => document.querySelector(`#${kind}-log .log`)
  function toEnd(kind) {
    const log = logOf(kind)
    if (!log) return
    log.scrollTop = log.scrollHeight
    log.focus({ preventScroll: true })
  }
  document.addEventListener('click', (e) => {
    const end = e.target.closest('[data-log-end], [data-follow]')
    if (!end) return
    e.preventDefault()
    toEnd(end.dataset.logEnd ?? end.dataset.follow)
  })
  document.addEventListener(
    'scroll',
    (e) => {
      const log = e.target
      if (!log.classList?.contains('log')) return
      const button = log.parentElement.querySelector('[data-follow]')
      button?.setAttribute('aria-pressed', String(log.scrollTop + log.clientHeight >= log.scrollHeight - 40))
    },
    true,
  )

  // n p: next and previous change; d: next that is lost; o: open; e: all; f: follow
  const isVisible = (row) => row.getClientRects().length > 0
  function move(step, selector) {
    const rows = all(selector).filter(isVisible)
    const here = rows.findIndex((row) => row === document.activeElement)
    const next = rows[here < 0 && step < 0 ? rows.length - 1 : here + step]
    next?.focus()
    next?.scrollIntoView({ block: 'nearest' })
  }
  const changes = '#plan .res > summary'
  const keys = {
    n: () => move(1, changes),
    p: () => move(-1, changes),
    d: () => move(1, '#g-destroy .res > summary, #g-replace .res > summary'),
    o: () => document.activeElement?.matches(changes) && document.activeElement.click(),
    e: () => document.getElementById('open-all')?.click(),
    f: () => toEnd(logOf('apply') ? 'apply' : 'plan'),
  }
  document.addEventListener('keydown', (e) => {
    if (document.querySelector('dialog[open]')) return
    if (e.ctrlKey || e.metaKey || e.altKey || e.target.closest?.('input, textarea, select, [contenteditable]')) return
    if (e.key === 'Home' || e.key === 'End') {
      const log = document.activeElement?.closest?.('.log')
      if (log) log.scrollTop = e.key === 'Home' ? 0 : log.scrollHeight
      return
    }
    keys[e.key]?.()
  })

  // a link to a change or a line opens what it lies in
  function reveal() {
    const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1))
    if (!target) return
    for (let at = target; at; at = at.parentElement) if (at.tagName === 'DETAILS') at.open = true
    target.scrollIntoView({ block: 'nearest' })
  }
  addEventListener('hashchange', reveal)
  reveal()
})()
