import{s as o}from"./index-CDM6BGH7.js";const t="/assets/font-CYfk0b0K.woff2",f=()=>o("late, with "+t);export{f as run};
