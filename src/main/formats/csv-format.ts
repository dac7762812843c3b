/** One row of CSV. An empty value without quotes is NULL; a quoted `\.` is data in every version. */
export const csvRow = (values: readonly (string | null)[]): string =>
  `${values
    .map((value) => {
      if (value === null) return ''
      return value === '' || /[",\n\r\\]|^\s|\s$/.test(value) ? `"${value.replaceAll('"', '""')}"` : value
    })
    .join(',')}\n`
