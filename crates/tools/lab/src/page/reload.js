// Reloads the page when the book was rebuilt, and brings it to life once it stands. `cargo lab` adds this; it is not in the files.
(() => {
    const book = document.currentScript.dataset.book;
    let events;
    const listen = () => {
        events = new EventSource('/.lab/events');
        events.addEventListener('book', (event) => {
            if (event.data !== book) {
                location.reload();
            }
        });
    };
    // A browser opens few connections to one host: only the page in front keeps one.
    const follow = () => {
        if (events) {
            events.close();
        }
        events = undefined;
        if (!document.hidden) {
            listen();
        }
    };
    document.addEventListener('visibilitychange', follow);
    window.addEventListener('pagehide', () => events && events.close());
    window.addEventListener('pageshow', (event) => event.persisted && follow());
    follow();
    // Not before: whoever only reads shall not wait for what they may never press.
    const enliven = () => {
        const style = document.createElement('link');
        const script = document.createElement('script');
        Object.assign(style, { rel: 'stylesheet', href: '/.lab/lab.css' });
        Object.assign(script, { type: 'module', src: '/.lab/lab.js' });
        style.onload = () => document.head.append(script);
        document.head.append(style);
    };
    if (document.readyState === 'complete') {
        enliven();
    } else {
        window.addEventListener('load', enliven);
    }
})();
