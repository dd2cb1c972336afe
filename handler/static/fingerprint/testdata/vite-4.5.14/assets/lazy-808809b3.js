import{s as o}from"./index-28a27169.js";const t="/assets/font-ac24fed3.woff2",f=()=>o("late, with "+t);export{f as run};
