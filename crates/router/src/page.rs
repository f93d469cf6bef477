//! Lists in pages. A cursor is the place of the page's first item.

use composio_contract::{Error, Page, Result};

/// Which part of a list is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) offset: u64,
    pub(crate) limit: u64,
}

impl Window {
    /// Reads a query's `limit`, at most and by default `max`, and `cursor`.
    ///
    /// # Errors
    /// [`composio_contract::ErrorKind::Validation`].
    pub(crate) fn new(limit: Option<u32>, cursor: Option<&str>, max: u32) -> Result<Self> {
        let limit = limit.unwrap_or(max);
        if limit == 0 || limit > max {
            return Err(Error::validation(format!("`limit` is {limit}; it must be from 1 to {max}")));
        }
        let offset = cursor.filter(|cursor| !cursor.is_empty()).map_or(Ok(0), |cursor| {
            cursor.parse().map_err(|_| {
                Error::validation("`cursor` is not one that this list gave; pass on `next_cursor` as it came")
            })
        })?;
        Ok(Self { offset, limit: u64::from(limit) })
    }

    /// The window's part of a whole list.
    pub(crate) fn cut<T>(self, items: impl ExactSizeIterator<Item = T>) -> Page<T> {
        let total = items.len() as u64;
        let start = usize::try_from(self.offset).unwrap_or(usize::MAX);
        let size = usize::try_from(self.limit).unwrap_or(usize::MAX);
        self.page(items.skip(start).take(size).collect(), total)
    }

    /// A page of items that were cut already.
    pub(crate) fn page<T>(self, items: Vec<T>, total: u64) -> Page<T> {
        let end = self.offset.saturating_add(items.len() as u64);
        Page {
            next_cursor: (!items.is_empty() && end < total).then(|| end.to_string()),
            items,
            total_pages: total.div_ceil(self.limit),
            current_page: self.offset / self.limit + 1,
            total_items: total,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_lead_through_the_whole_list() {
        let list: Vec<u32> = (0..7).collect();
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let page = Window::new(Some(3), cursor.as_deref(), 10).unwrap().cut(list.iter().copied());
            assert_eq!((page.total_pages, page.total_items), (3, 7));
            seen.extend(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, list);
    }

    #[test]
    fn what_is_out_of_range_is_told_or_empty() {
        assert!(Window::new(Some(0), None, 10).is_err());
        assert!(Window::new(Some(11), None, 10).is_err());
        assert!(Window::new(None, Some("x"), 10).is_err());
        let beyond = Window::new(None, Some("9"), 10).unwrap().cut([1].into_iter());
        assert_eq!((beyond.items.len(), beyond.next_cursor), (0, None));
    }
}
