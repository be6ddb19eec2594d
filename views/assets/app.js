/* Keys, copying, times, and following a log. Loads and draws nothing: every page works without it. */
(() => {
  const all = (selector, root = document) => root.querySelectorAll(selector)
  const inField = (e) => e.target.closest?.('input, textarea, select, [contenteditable]')

  // copy buttons are hidden without a script
  function prepare(root) {
    for (const button of all('.copy[data-copy][hidden]', root)) button.hidden = false
  }

  document.addEventListener('click', async (e) => {
    const button = e.target.closest?.('[data-copy]')
    if (!button) return
    await navigator.clipboard?.writeText(button.dataset.copy)
    const label = button.getAttribute('aria-label')
    button.setAttribute('aria-label', 'Copied')
    button.classList.add('done')
    setTimeout(() => {
      button.setAttribute('aria-label', label)
      button.classList.remove('done')
    }, 1500)
  })

  // one open menu at a time; a click elsewhere or Escape closes it
  document.addEventListener('click', (e) => {
    for (const menu of all('details.menu[open]')) if (!menu.contains(e.target)) menu.open = false
  })

  // a form that is under way cannot be sent again; after the browser's Back it can
  document.addEventListener('submit', (e) => {
    if (e.defaultPrevented || !e.target.matches('[data-once]')) return
    for (const button of all('button', e.target)) button.setAttribute('aria-disabled', 'true')
    if (e.target.dataset.sent) e.preventDefault()
    e.target.dataset.sent = '1'
  })
  addEventListener('pageshow', () => {
    for (const form of all('form[data-sent]')) {
      delete form.dataset.sent
      for (const button of all('button', form)) button.removeAttribute('aria-disabled')
    }
  })

  function ago(ms) {
    if (ms < 1e4) return 'just now'
    if (ms < 6e4) return `${Math.floor(ms / 1e3)} s ago`
    if (ms < 36e5) return `${Math.floor(ms / 6e4)} min ago`
    if (ms < 864e5) return `${Math.floor(ms / 36e5)} h ago`
    const days = Math.floor(ms / 864e5)
    return days === 1 ? 'yesterday' : `${days} days ago`
  }
  setInterval(() => {
    for (const time of all('time[data-ago]')) {
      const text = ago(Date.now() - Date.parse(time.dateTime))
      if (time.textContent !== text) time.textContent = text
    }
  }, 10_000)

  // single keys; never while typing, and each has a visible control too
  let awaitsGo = 0
  document.addEventListener('keydown', (e) => {
    if ((e.ctrlKey || e.metaKey) && !e.altKey && e.key.toLowerCase() === 'k') return openPalette(e)
    if (document.querySelector('dialog[open]')) return
    if (e.key === 'Escape') {
      for (const menu of all('details.menu[open]')) {
        menu.open = false
        menu.querySelector('summary').focus()
      }
      if (inField(e)) e.target.blur()
      return
    }
    if (inField(e) || e.ctrlKey || e.metaKey || e.altKey) return
    if (Date.now() - awaitsGo < 1000) {
      awaitsGo = 0
      const link = document.querySelector(`[data-go="${CSS.escape(e.key)}"]`)
      if (link) link.click()
      return
    }
    if (e.key === 'g') awaitsGo = Date.now()
    else if (e.key === '/') focus(e, 'input[type=search]')
    else if (e.key === '?') document.getElementById('keys')?.showModal()
    else if (e.key === 'c') focus(e, '#confirm')
    else if (e.key === 'j' || e.key === 'k') moveRow(e.key === 'j' ? 1 : -1)
  })
  function focus(e, selector) {
    const field = document.querySelector(selector)
    if (!field) return
    e.preventDefault()
    field.focus()
  }
  function moveRow(step) {
    const links = [...all('.list .main')]
    const next = links[links.indexOf(document.activeElement) + step] ?? links[step > 0 ? 0 : links.length - 1]
    next?.focus()
  }

  // The palette: what can be searched for, and every link and button of this page. A listbox whose focus stays in
  // the field: aria-activedescendant says which option is meant.
  const palette = document.getElementById('palette')
  const query = document.getElementById('palette-q')
  const keyButtons = all('[data-keys]')
  for (const button of keyButtons) {
    button.hidden = false
    button.addEventListener('click', () => document.getElementById('keys')?.showModal())
  }
  function openPalette(e) {
    if (!palette) return
    e.preventDefault()
    if (palette.open) return
    query.value = ''
    document.getElementById('palette-found').textContent = ''
    showCommands()
    palette.showModal()
    query.focus()
  }
  document.addEventListener('click', (e) => {
    if (e.target.closest?.('[data-palette]') && palette?.showModal) openPalette(e)
    else if (e.target.matches?.('dialog')) e.target.close()
  })
  function showCommands() {
    const box = document.getElementById('palette-commands')
    const words = query.value.trim().toLowerCase()
    const seen = new Set()
    box.textContent = ''
    for (const link of all('.tabs a, .rail-nav a, .crumbs a[href], .menu-body a, main a.btn')) {
      const text = link.textContent.trim().replace(/\s+/g, ' ')
      if (!text || seen.has(link.href) || !text.toLowerCase().includes(words) || seen.size > 11) continue
      seen.add(link.href)
      const option = document.createElement('a')
      option.href = link.href
      option.dataset.found = ''
      option.textContent = text
      box.append(option)
    }
    markOptions()
  }
  function markOptions(step = 0) {
    const options = [...all('[data-found]', palette)]
    const at = options.findIndex((o) => o.ariaSelected === 'true')
    const next = step === 0 ? 0 : (at + step + options.length) % options.length
    options.forEach((o, i) => {
      o.id = `palette-${i}`
      o.role = 'option'
      o.tabIndex = -1
      o.ariaSelected = String(i === next)
      if (i === next && step) o.scrollIntoView({ block: 'nearest' })
    })
    if (options[next]) query.setAttribute('aria-activedescendant', options[next].id)
    else query.removeAttribute('aria-activedescendant')
    return options[next]
  }
  query?.addEventListener('input', () => {
    if (!query.value.trim()) document.getElementById('palette-found').textContent = ''
    showCommands()
  })
  query?.addEventListener('keydown', (e) => {
    if (e.key === 'ArrowDown' || e.key === 'ArrowUp') {
      e.preventDefault()
      markOptions(e.key === 'ArrowDown' ? 1 : -1)
    } else if (e.key === 'Enter') {
      const chosen = palette.querySelector('[aria-selected="true"]')
      if (!chosen) return
      e.preventDefault()
      chosen.click()
    }
  })

  // a form that was refused says so to who cannot see it
  document.querySelector('[data-focus]')?.focus()

  // a log that is read at its end stays at its end
  const atEnd = new WeakMap()
  document.addEventListener('scroll', (e) => {
    const log = e.target
    if (log.classList?.contains('log')) atEnd.set(log, log.scrollTop + log.clientHeight >= log.scrollHeight - 40)
  }, true)
  function follow() {
    for (const log of all('.log[data-live]')) if (atEnd.get(log) !== false) log.scrollTop = log.scrollHeight
  }

  // folds that a person opened or closed stay so when their region is drawn again
  const folds = new Map()
  document.addEventListener('toggle', (e) => {
    if (e.target.id && e.target.matches('details')) folds.set(e.target.id, e.target.open)
  }, true)

  document.addEventListener('htmx:after:swap', () => {
    for (const [id, open] of folds) {
      const fold = document.getElementById(id)
      if (fold) fold.open = open
    }
    prepare(document)
    follow()
    if (palette?.open) markOptions()
  })
  // the title says the state, so that a tab does
  document.addEventListener('htmx:after:swap', () => {
    const title = document.querySelector('[data-title]')?.dataset.title
    if (title) document.title = title
  })

  // tabs scroll sideways when narrow: the present one is in view, also after a phone was turned
  const showPresent = () => {
    for (const here of all('.tabs [aria-current], .rail-nav [aria-current], .chips.scroll [aria-current]')) {
      const strip = here.closest('ul, ol, .chips, .rail-nav')
      const [a, b] = [here.getBoundingClientRect(), strip.getBoundingClientRect()]
      strip.scrollLeft += a.left - b.left - (b.width - a.width) / 2
    }
  }
  showPresent()
  addEventListener('resize', showPresent)

  prepare(document)
  follow()
})()
